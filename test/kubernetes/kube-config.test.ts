import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { stringify } from 'yaml';
import { loadClusterAccess } from '../../kubernetes/kube-config.ts';

let folder: string;
const environment = { ...process.env };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
});
afterEach(() => {
  process.env = { ...environment };
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface Part {
  readonly name?: string;
  readonly user?: object;
  readonly cluster?: object;
  readonly current?: string;
}

/** A kubeconfig with one context, cluster and user of the same name. */
function config({ name = 'one', user = { token: 'abc' }, cluster = {}, current = name }: Part = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: [{ name, cluster: { server: `https://${name}.example.com:6443/`, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `${name}-ns` } }],
  });
}

async function file(text: string, name = 'config', mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

const load = (kubeconfig = '', context = '') => loadClusterAccess({ kubeconfig, context });

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
    ['"just s3cr3t text"', /has no current context/],
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

  it('refuses an address that is none, and groups that it would not impersonate', async () => {
    await expect(load(await file(config({ cluster: { server: 'ftp://x' } })))).rejects.toMatchObject({ type: 'BadInput' });
    await expect(load(await file(config({ user: { as: 'a', 'as-groups': ['b'] } })))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('as-groups'),
    });
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
