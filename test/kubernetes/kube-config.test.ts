import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { HttpClient } from '../../kubernetes/http-client.ts';
import { failureOf, kubeconfig as config, load, temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';
import { selfSigned } from './self-signed.ts';

let home: Folder;
let folder: string;
let file: Folder['file'];
const environment = { ...process.env };
beforeAll(async () => {
  home = await temporaryFolder();
  ({ path: folder, file } = home);
});
afterEach(() => {
  process.env = { ...environment };
});
afterAll(async () => {
  await home.remove();
});

describe('loadClusterAccess', () => {
  it('reads the current context', async () => {
    const access = await load(await file(config({ cluster: { 'proxy-url': 'http://proxy:3128', 'tls-server-name': 'api' } })));
    expect(access).toMatchObject({
      contextName: 'one',
      server: 'https://one.example.com:6443',
      namespace: 'one-ns',
      proxyUrl: 'http://proxy:3128',
    });
    expect(await access.credentials()).toStrictEqual({ headers: { Authorization: 'Bearer abc' }, tls: { servername: 'api' } });
  });

  it('merges the files of KUBECONFIG: the first wins, those that do not exist are passed over', async () => {
    const first = await file(config({ name: 'one', current: '' }), 'first');
    const second = await file(config({ name: 'two', user: { token: 'two' } }), 'second');
    const third = await file(config({ name: 'one', user: { token: 'late' } }), 'third');
    process.env['KUBECONFIG'] = [join(folder, 'none'), first, second, third].join(delimiter);
    expect((await load()).contextName).toBe('two');
    const one = await load('', 'one');
    expect((await one.credentials()).headers).toStrictEqual({ Authorization: 'Bearer abc' });
  });

  it('finds the file in the home folder', async () => {
    delete process.env['KUBECONFIG'];
    process.env['HOME'] = join(folder, 'nobody');
    await expect(load()).rejects.toMatchObject({ type: 'NotFound', message: expect.stringContaining('KUBECONFIG is not set') });
  });

  it('reads certificates and keys from data and from files beside the kubeconfig', async () => {
    await file('the key', 'client.key');
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const user = { 'client-certificate-data': base64('the certificate'), 'client-key': 'client.key' };
    const access = await load(await file(config({ user, cluster: { 'certificate-authority-data': base64('the authority') } })));
    const { tls, headers } = await access.credentials();
    expect(headers).toStrictEqual({});
    expect([tls.ca, tls.cert, tls.key].map(String)).toStrictEqual(['the authority', 'the certificate', 'the key']);
  });

  it('reads a token file anew after a refresh, without its line end', async () => {
    const tokenFile = await file('first\n', 'token');
    const access = await load(await file(config({ user: { tokenFile: 'token' } })));
    const token = async () => (await access.credentials()).headers['Authorization'];
    expect(await token()).toBe('Bearer first');
    await writeFile(tokenFile, 'second\n');
    expect(await token()).toBe('Bearer first');
    access.refresh();
    expect(await token()).toBe('Bearer second');
  });

  it('prefers the token file to the token, which serves while the file cannot be read', async () => {
    const tokenFile = await file('newer', 'token');
    const access = await load(await file(config({ user: { token: 'older', tokenFile } })));
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: 'Bearer newer' });
    await rm(tokenFile);
    access.refresh();
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: 'Bearer older' });
  });

  it('names the file that it cannot read, and tries it again at the next request', async () => {
    const access = await load(await file(config({ user: { tokenFile: 'later' } })));
    expect(await failureOf(access.credentials())).toMatchObject({
      type: 'Forbidden',
      message: expect.stringContaining(join(folder, 'later')),
    });
    await file(' \n', 'later');
    expect((await failureOf(access.credentials())).message).toMatch(/the token file .*later is empty$/);
    await file('here', 'later');
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: 'Bearer here' });
  });

  it('reads a changed kubeconfig after a refresh, and survives one that is half written', async () => {
    const path = await file(config(), 'changing');
    const access = await load(path);
    await access.credentials();
    await file('users: [', 'changing');
    access.refresh();
    expect(await failureOf(access.credentials())).toMatchObject({ type: 'BadInput' });
    await file(config({ user: { token: 'new' } }), 'changing');
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: 'Bearer new' });
  });

  it('is nobody without a user, and knows a kubeconfig in JSON', async () => {
    const text = JSON.stringify({
      'current-context': 'one',
      clusters: [{ name: 'one', cluster: { server: 'https://one' } }],
      contexts: [{ name: 'one', context: { cluster: 'one' } }],
    });
    expect(await (await load(await file(text))).credentials()).toStrictEqual({ headers: {}, tls: {} });
  });

  it('runs a credential plugin beside the kubeconfig once, and again after a refresh', async () => {
    const log = join(folder, 'runs');
    await file(
      `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> ${log}\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$1-$EXTRA'"}}'\n`,
      'plugin',
      0o700,
    );
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      args: ['made'],
      env: [{ name: 'EXTRA', value: 'here' }],
      provideClusterInfo: true,
    };
    const access = await load(await file(config({ user: { exec } })));
    await Promise.all([access.credentials(), access.credentials()]);
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: 'Bearer made-here' });
    access.refresh();
    await access.credentials();
    const runs = (await readFile(log, 'utf8')).trim().split('\n');
    expect(runs).toHaveLength(2);
    expect(JSON.parse(runs[0] ?? '')).toMatchObject({
      kind: 'ExecCredential',
      apiVersion: exec.apiVersion,
      spec: { interactive: false, cluster: { server: 'https://one.example.com:6443' } },
    });
  });

  it('uses basic authentication and impersonation', async () => {
    const access = await load(await file(config({ user: { username: 'me', password: 'pw', as: 'other' } })));
    const basic = `Basic ${Buffer.from('me:pw').toString('base64')}`;
    expect((await access.credentials()).headers).toStrictEqual({ Authorization: basic, 'Impersonate-User': 'other' });
  });

  it('speaks plain HTTP where the kubeconfig says so', async () => {
    const access = await load(await file(config({ cluster: { server: 'http://127.0.0.1:8001' } })));
    await expect(access.credentials()).resolves.toMatchObject({ headers: { Authorization: 'Bearer abc' } });
  });
});

describe('the certificate of the API server', () => {
  it.each([
    [
      'certificate-authority-data',
      (certificate: string) => ({ 'certificate-authority-data': Buffer.from(certificate).toString('base64') }),
      true,
    ],
    ['insecure-skip-tls-verify', () => ({ 'insecure-skip-tls-verify': true }), true],
    ['nothing', () => ({}), false],
    ['another authority', () => ({ 'certificate-authority-data': Buffer.from(selfSigned().certificate).toString('base64') }), false],
    [
      'another tls-server-name',
      (certificate: string) => ({
        'certificate-authority-data': Buffer.from(certificate).toString('base64'),
        'tls-server-name': 'other.test',
      }),
      false,
    ],
    [
      'its own tls-server-name',
      (certificate: string) => ({
        'certificate-authority-data': Buffer.from(certificate).toString('base64'),
        'tls-server-name': 'api.test',
      }),
      true,
    ],
  ])('is checked with %s', async (_name, clusterFor, trusted) => {
    const { certificate, key } = selfSigned();
    const server = createServer({ cert: certificate, key }, (_request, response) => response.end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new HttpClient(await load(await file(config({ cluster: { server: url, ...clusterFor(certificate) } }))));
    const answer = client.send({ method: 'GET', path: '/', operation: { verb: 'read', subject: '/', cluster: 'one' } });
    try {
      if (trusted) await expect(answer).resolves.toMatchObject({ status: 200 });
      else expect(await failureOf(answer)).toMatchObject({ type: 'BadInput' });
    } finally {
      await client.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });
});

describe('a kubeconfig that cannot be used', () => {
  it('names the missing file', async () => {
    await expect(load(join(folder, 'missing'))).rejects.toMatchObject({
      type: 'NotFound',
      message: expect.stringContaining(join(folder, 'missing')),
    });
  });

  it('names the known contexts', async () => {
    await expect(load(await file(config()), 'prod')).rejects.toMatchObject({
      type: 'NotFound',
      message: expect.stringContaining('there is no context "prod"'),
      advice: expect.stringContaining('known: one'),
    });
    await expect(load(await file(config({ current: '' })))).rejects.toMatchObject({
      message: expect.stringContaining('has no current context'),
    });
  });

  it.each([
    ['clusters: [', /line \d+ is not valid YAML/],
    ['users:\n- name: a\n  user: {token: "s3cr3t\n', /is malformed/],
    ['', /is not a kubeconfig/],
    ['clusters: [{}]', /clusters\[0\]\.name is missing/],
    ['"just s3cr3t text"', /is not a kubeconfig/],
  ])('says where it is malformed and repeats nothing of it: %j', async (text, message) => {
    const failure = await load(await file(text)).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ name: 'HoldfastError', message: expect.stringMatching(message) });
    expect((failure as Error).message).not.toContain('s3cr3t');
  });

  it('names what a context points at in vain', async () => {
    const text = config().replace('cluster: one', 'cluster: gone');
    await expect(load(await file(text))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('the cluster "gone"'),
    });
  });

  it.each([
    [{ server: 'ftp://x' }, {}, 'the server is not an http or https address'],
    [{ 'proxy-url': 's3cr3t' }, {}, 'the proxy-url is not an address'],
    [
      { 'insecure-skip-tls-verify': true, 'certificate-authority': 'ca.crt' },
      {},
      'both insecure-skip-tls-verify and a certificate-authority',
    ],
    [{}, { 'client-certificate-data': 'aaaa' }, 'a client-certificate without a client-key'],
    [{}, { token: 's3cr3t', username: 'me' }, 'both a token and a password'],
    [{}, { exec: { command: 'a' }, 'auth-provider': { name: 'oidc' } }, 'both exec and an auth-provider'],
  ])('refuses what contradicts itself: %j %j', async (cluster, user, message) => {
    const failure = await failureOf(load(await file(config({ cluster, user }))));
    expect(failure).toMatchObject({ type: 'BadInput', message: expect.stringContaining(message) });
    expect(failure.everything).not.toContain('s3cr3t');
  });

  it('names the plugin that fails, with its first line', async () => {
    await file('#!/bin/sh\necho "token expired" >&2\necho more >&2\nexit 1\n', 'broken', 0o700);
    const access = await load(
      await file(config({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './broken' } } })),
    );
    await expect(access.credentials()).rejects.toMatchObject({
      type: 'Forbidden',
      message: expect.stringMatching(/^context "one": the credential plugin .*broken failed: token expired$/),
    });
  });
});
