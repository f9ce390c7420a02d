import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { readKubeconfig } from '../../kubernetes/kubeconfig-document.ts';
import { failureOf, kubeconfig, temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  await folder.remove();
});

const read = async (text: string) => readKubeconfig(await folder.file(text));
const userOf = async (text: string) => (await read(`users:\n- name: one\n  user:\n${text.replace(/^/gm, '    ')}\n`)).users[0]?.user;

describe('readKubeconfig', () => {
  it('reads JSON as it reads YAML', async () => {
    const yaml = kubeconfig({ user: { token: 'a', username: '' } });
    expect(await read(JSON.stringify(parse(yaml)))).toStrictEqual(await read(yaml));
  });

  it('takes null and absence for empty, and ignores what it does not know', async () => {
    const config = await read(
      'preferences: {}\nclusters: null\nusers:\n- {name: a, user: null, more: 1}\n- {name: b, user: {exec: {env: null}}}\n',
    );
    expect(config).toMatchObject({ 'current-context': '', clusters: [], contexts: [] });
    expect(config.users[0]?.user).toMatchObject({ token: '', 'as-groups': [], 'as-user-extra': {} });
    expect(config.users[1]?.user.exec).toMatchObject({ args: [], env: [], provideClusterInfo: false });
  });

  it('keeps as text what looks like a number, a boolean or a time, digit by digit', async () => {
    const scalars = ['0123', '1e3', '12345678901234567890', 'true', 'No', '2026-01-01', '0x1F', '.inf', '"007"'];
    for (const scalar of scalars) expect((await userOf(`password: ${scalar}`))?.password).toBe(scalar.replaceAll('"', ''));
  });

  it('keeps any password through YAML and JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (password) => {
        const config = { users: [{ name: 'one', user: { password } }] };
        for (const text of [stringify(config), JSON.stringify(config)]) expect((await read(text)).users[0]?.user.password).toBe(password);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['true', true],
    ['"true"', true],
    ['Yes', true],
    ['no', false],
    ['', false],
  ])('reads the flag %j', async (written, flag) => {
    const config = await read(`clusters: [{name: one, cluster: {insecure-skip-tls-verify: ${written}}}]`);
    expect(config.clusters[0]?.cluster['insecure-skip-tls-verify']).toBe(flag);
  });

  it('follows anchors and merges', async () => {
    const text = 'base: &base {username: me, password: 1}\nusers:\n- {name: a, user: {<<: *base, password: 2}}\n- {name: b, user: *base}\n';
    expect((await read(text)).users.map(({ user }) => [user.username, user.password])).toStrictEqual([
      ['me', '2'],
      ['me', '1'],
    ]);
  });

  it('counts paths from the folder of the file', async () => {
    const user = await userOf(
      [
        'client-certificate: a.crt',
        'client-key: ../b.key',
        'tokenFile: /c/token',
        'exec: {command: bin/plugin}',
        'auth-provider: {name: oidc, config: {idp-certificate-authority: d.crt}}',
      ].join('\n'),
    );
    expect(user).toMatchObject({
      'client-certificate': join(folder.path, 'a.crt'),
      'client-key': join(folder.path, '..', 'b.key'),
      tokenFile: '/c/token',
      exec: { command: join(folder.path, 'bin/plugin') },
      'auth-provider': { config: { 'idp-certificate-authority': join(folder.path, 'd.crt') } },
    });
    expect((await userOf('exec: {command: plugin}'))?.exec?.command).toBe('plugin');
    const { clusters } = await read('clusters: [{name: one, cluster: {certificate-authority: ca.crt}}]');
    expect(clusters[0]?.cluster['certificate-authority']).toBe(join(folder.path, 'ca.crt'));
  });

  it.each([
    ['users: [{name: a, user: {token: s3cr3t}}', /line 1 is not valid YAML/],
    ['users:\n- name: a\n  user:\n    token: s3cr3t\n    token: s3cr3t\n', /line 5 has a key for the second time/],
    ['kind: Config\n---\ntoken: s3cr3t\n', /line 2 begins a second document/],
    ['users: *s3cr3t', /an alias in it has no anchor/],
    ['- s3cr3t', /it is not a kubeconfig/],
    ['kind: s3cr3t', /kind is not Config/],
    ['users: s3cr3t', /users is not a list/],
    ['users: [s3cr3t]', /users\[0\] is not an object/],
    ['users: [{name: [s3cr3t]}]', /users\[0\]\.name is not text/],
    ['users: [{name: a, user: s3cr3t}]', /users\[0\]\.user is not an object/],
    ['users: [{name: a, user: {token: {s3cr3t: s3cr3t}}}]', /users\[0\]\.user\.token is not text/],
    ['users: [{name: a, user: {as-groups: [s3cr3t, []]}}]', /users\[0\]\.user\.as-groups\[1\] is not text/],
    ['users: [{name: a, user: {exec: {env: [{value: s3cr3t}]}}}]', /users\[0\]\.user\.exec\.env\[0\]\.name is missing/],
    ['users: [{name: a, user: {client-key-data: "s3cr3t!"}}]', /users\[0\]\.user\.client-key-data is not base64/],
    ['users: [{name: a}, {name: a, user: {token: s3cr3t}}]', /users\[1\]\.name is there twice/],
    ['clusters: [{name: a, cluster: {insecure-skip-tls-verify: s3cr3t}}]', /insecure-skip-tls-verify is not true or false/],
  ])('says where it is malformed and repeats nothing of it: %j', async (text, message) => {
    const failure = await failureOf(read(text));
    expect(failure).toMatchObject({ type: 'BadInput', message: expect.stringMatching(message) });
    expect(failure.everything).not.toContain('s3cr3t');
  });

  it('refuses aliases that multiply', async () => {
    const levels = Array.from({ length: 30 }, (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level}, `.repeat(10)}]`);
    const failure = await failureOf(read(['l0: &l0 [x]', ...levels].join('\n')));
    expect(failure).toMatchObject({ type: 'BadInput', message: expect.stringContaining('used too often') });
  });

  it('does not let a key reach the prototype of objects', async () => {
    await read('users: [{name: a, user: {__proto__: {polluted: x}, as-user-extra: {__proto__: [x]}}}]');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
