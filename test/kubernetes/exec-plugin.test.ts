import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execPlugin } from '../../kubernetes/exec-plugin.ts';
import { kubeconfigSchema } from '../../kubernetes/kubeconfig-schema.ts';
import { failureOf, kubeconfig, load, temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';

const V1 = 'client.authentication.k8s.io/v1';
const V1BETA1 = 'client.authentication.k8s.io/v1beta1';

let folder: Folder;
const environment = { ...process.env };
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  process.env = { ...environment };
  await folder.remove();
});

const credential = (status: object, apiVersion = V1) => JSON.stringify({ apiVersion, kind: 'ExecCredential', status });

/** A plugin that prints what `plugin.json` holds and adds to `plugin.runs` what it was asked. */
async function plugin(answer: string): Promise<void> {
  await folder.file('#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> "$0.runs"\ncat "$0.json"\n', 'plugin', 0o700);
  await writeFile(join(folder.path, 'plugin.json'), answer);
}

const runs = async () => (await readFile(join(folder.path, 'plugin.runs'), 'utf8')).trim().split('\n');

async function access(exec: object = {}, cluster: object = {}) {
  const user = { exec: { apiVersion: V1, command: './plugin', interactiveMode: 'IfAvailable', ...exec } };
  return load(await folder.file(kubeconfig({ user, cluster })));
}

describe('a credential plugin', () => {
  it.each([V1, V1BETA1])('gives a token (%s)', async (apiVersion) => {
    await plugin(credential({ token: 'made' }, apiVersion));
    const { headers, tls } = await (await access({ apiVersion, args: null, env: null, installHint: null })).credentials();
    expect([headers, tls]).toStrictEqual([{ Authorization: 'Bearer made' }, {}]);
    expect(JSON.parse((await runs())[0] ?? '')).toStrictEqual({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } });
  });

  it('gives a client certificate, with or without a token', async () => {
    await plugin(credential({ clientCertificateData: 'the certificate', clientKeyData: 'the key', token: null }));
    const { headers, tls } = await (await access()).credentials();
    expect([headers, tls]).toStrictEqual([{}, { cert: 'the certificate', key: 'the key' }]);
  });

  it('gets its arguments and variables, and is found in PATH by a bare name', async () => {
    await folder.file(`#!/bin/sh\necho '${credential({ token: "'$1-$2-$EXTRA-$KEPT'" })}'\n`, 'holdfast-test-plugin', 0o700);
    process.env['PATH'] = `${folder.path}:${environment['PATH'] ?? ''}`;
    process.env['KEPT'] = 'kept';
    process.env['EXTRA'] = 'hidden';
    const exec = { command: 'holdfast-test-plugin', args: ['a', 12], env: [{ name: 'EXTRA', value: 'x' }] };
    const { headers } = await (await access(exec)).credentials();
    expect(headers).toStrictEqual({ Authorization: 'Bearer a-12-x-kept' });
  });

  it('is told about the cluster when it asks', async () => {
    await plugin(credential({ token: 'made' }));
    await folder.file('the authority', 'ca.crt');
    const extension = { audience: 'x', count: 12, flag: true };
    const cluster = {
      'certificate-authority': 'ca.crt',
      'tls-server-name': 'api',
      'proxy-url': 'http://proxy:3128',
      'disable-compression': true,
      extensions: [
        { name: 'other', extension: {} },
        { name: 'client.authentication.k8s.io/exec', extension },
      ],
    };
    await (await access({ provideClusterInfo: true }, cluster)).credentials();
    await (await access({ provideClusterInfo: true }, { 'insecure-skip-tls-verify': true })).credentials();
    const [first, second] = (await runs()).map((line) => (JSON.parse(line) as { spec: { cluster: object } }).spec.cluster);
    expect(first).toStrictEqual({
      server: 'https://one.example.com:6443',
      'tls-server-name': 'api',
      'certificate-authority-data': Buffer.from('the authority').toString('base64'),
      'proxy-url': 'http://proxy:3128',
      'disable-compression': true,
      config: extension,
    });
    expect(second).toStrictEqual({ server: 'https://one.example.com:6443', 'insecure-skip-tls-verify': true });
  });

  it('is asked again when its answer has expired, and not before', async () => {
    await plugin(credential({ token: 'first', expirationTimestamp: new Date(Date.now() + 600).toISOString() }));
    const user = await access();
    await user.credentials();
    await user.credentials();
    expect(await runs()).toHaveLength(1);
    await plugin(credential({ token: 'second' }));
    await sleep(700);
    expect((await user.credentials()).headers).toStrictEqual({ Authorization: 'Bearer second' });
  });

  it('is not asked while the file has a token', async () => {
    await plugin(credential({ token: 'made' }));
    const user = { token: 'abc', exec: { apiVersion: V1, command: './plugin' } };
    const { headers } = await (await load(await folder.file(kubeconfig({ user })))).credentials();
    expect(headers).toStrictEqual({ Authorization: 'Bearer abc' });
    expect(existsSync(join(folder.path, 'plugin.runs'))).toBe(false);
  });
});

const exec = (command: string) => {
  const [user] = kubeconfigSchema.parse({ users: [{ name: 'one', user: { exec: { apiVersion: V1, command } } }] }).users;
  const [cluster] = kubeconfigSchema.parse({ clusters: [{ name: 'one', cluster: {} }] }).clusters;
  return [user!.user.exec!, cluster!.cluster] as const;
};

describe('the answer of a credential plugin', () => {
  it('is kept as long as it is valid', async () => {
    await plugin(credential({ token: 'made' }));
    const authenticate = execPlugin(...exec(join(folder.path, 'plugin')));
    await authenticate();
    await authenticate();
    expect(await runs()).toHaveLength(1);
  });
});

describe('a credential plugin that fails', () => {
  it.each([
    ['token: s3cr3t', 'its output is not an ExecCredential with a status'],
    ['{"token": "s3cr3t"', 'its output is not an ExecCredential with a status'],
    [JSON.stringify({ apiVersion: V1, kind: 'ExecCredential', s: 's3cr3t' }), 'its output is not an ExecCredential with a status'],
    [JSON.stringify({ apiVersion: V1, kind: 's3cr3t', status: {} }), 'its output is not an ExecCredential with a status'],
    [credential({ token: { a: 's3cr3t' } }), 'its output is not an ExecCredential with a status'],
    [credential({ token: 's3cr3t' }, V1BETA1), `its answer is not of ${V1}, which the kubeconfig asks for`],
    [credential({}), 'it returned neither a token nor a certificate'],
    [credential({ clientKeyData: 's3cr3t' }), 'it returned a certificate without its key, or a key without its certificate'],
    [credential({ token: 's3cr3t', expirationTimestamp: 'later' }), 'the expirationTimestamp of its answer is not a time'],
    ['s3cr3t '.repeat(200_000), 'it prints more than a credential'],
  ])('says what is wrong with its output and repeats nothing of it: %.60s', async (output, problem) => {
    await plugin(output);
    const failure = await failureOf((await access()).credentials());
    expect(failure).toMatchObject({
      type: 'Forbidden',
      message: `context "one": the credential plugin ${join(folder.path, 'plugin')} failed: ${problem}`,
    });
    expect(failure.everything).not.toContain('s3cr3t');
  });

  it('is not executed with a token that no header can hold', async () => {
    await plugin(credential({ token: 's3cr3t\nX-Evil: 1' }));
    const failure = await failureOf((await access()).credentials());
    expect(failure.message).toContain('Authorization has a character that no HTTP header can hold');
    expect(failure.everything).not.toContain('s3cr3t');
  });

  it('is tried again at the next request', async () => {
    await plugin('');
    const user = await access();
    await failureOf(user.credentials());
    await plugin(credential({ token: 'made' }));
    expect((await user.credentials()).headers).toStrictEqual({ Authorization: 'Bearer made' });
  });

  it('says how to install what is not there', async () => {
    const failure = await failureOf((await access({ command: 'no-such-plugin', installHint: 'Install it:\n  get it\n' })).credentials());
    expect(failure.message).toBe(
      'context "one": the credential plugin no-such-plugin failed: the command is not there (Install it: get it)',
    );
    expect((await failureOf((await access({ command: './gone' })).credentials())).message).toMatch(
      /gone failed: the command is not there$/,
    );
  });

  it('says when it may not be executed, or ends without a word', async () => {
    await folder.file('#!/bin/sh\n', 'plugin', 0o600);
    expect((await failureOf((await access()).credentials())).message).toMatch(/the file may not be executed$/);
    await folder.file('#!/bin/sh\nexit 3\n', 'plugin', 0o700);
    expect((await failureOf((await access()).credentials())).message).toMatch(/failed: exit code 3$/);
    await folder.file('#!/bin/sh\nkill -9 $$\n', 'plugin', 0o700);
    expect((await failureOf((await access()).credentials())).message).toMatch(/failed: it was ended by SIGKILL$/);
    const failure = await failureOf((await access({ args: ['s3cr3t\0'] })).credentials());
    expect(failure.message).toMatch(/its command, arguments or environment cannot be passed to a process$/);
    expect(failure.everything).not.toContain('s3cr3t');
  });

  it.each([
    ['answers too late', 'wait'],
    ['ends and leaves somebody who holds its output', 'exit 0'],
  ])('is killed with all that it has started when it %s', async (_name, end) => {
    const survived = join(folder.path, 'survived');
    const path = await folder.file(`#!/bin/sh\n(sleep 1; echo > ${survived}) &\n${end}\n`, 'slow', 0o700);
    await expect(execPlugin(...exec(path), 300)()).rejects.toMatchObject({ type: 'Unavailable', message: 'no answer within 0.3 s' });
    await sleep(1_300);
    expect(existsSync(survived)).toBe(false);
  });

  it('reads nothing from our standard input', async () => {
    await folder.file(`#!/bin/sh\nread line || echo '${credential({ token: 'made' })}'\n`, 'plugin', 0o700);
    await expect((await access()).credentials()).resolves.toMatchObject({ headers: { Authorization: 'Bearer made' } });
  });
});

describe('a credential plugin that cannot be used', () => {
  it.each([
    [{ interactiveMode: 'Always' }, 'a worker has no terminal'],
    [{ interactiveMode: 'Sometimes' }, 'unknown interactiveMode'],
    [{ apiVersion: 'client.authentication.k8s.io/v1alpha1' }, 'an apiVersion other than'],
    [{ command: '' }, 'without a command'],
  ])('is refused when the kubeconfig is read: %j', async (change, message) => {
    expect(await failureOf(access(change))).toMatchObject({ type: 'BadInput', message: expect.stringContaining(message) });
  });
});
