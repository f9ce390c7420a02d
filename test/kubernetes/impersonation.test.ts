import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpClient } from '../../kubernetes/http-client.ts';
import { failureOf, kubeconfig, load, temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  await folder.remove();
});

/** The lines of a request's header, as a server gets them from the HTTP client for a user. */
async function sentHeaders(user: object): Promise<readonly string[]> {
  let lines: string[] = [];
  const server = createServer((request, response) => {
    const raw = request.rawHeaders;
    lines = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1] ?? ''}`] : []));
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HttpClient(await load(await folder.file(kubeconfig({ user, cluster: { server: url } }))));
  try {
    await client.send({ method: 'GET', path: '/', operation: { verb: 'read', subject: '/', cluster: 'one' } });
  } finally {
    await client.close();
    server.close();
    await once(server, 'close');
  }
  return lines.filter((line) => /^impersonate-/i.test(line));
}

describe('impersonation', () => {
  it('sends user, uid, groups and extra fields, a line for each value', async () => {
    const user = {
      token: 'abc',
      as: 'jane',
      'as-uid': 42,
      'as-groups': ['developers', 'a,b'],
      'as-user-extra': { scopes: ['view', 'edit'], 'example.org/Team%': ['x'] },
    };
    expect(await sentHeaders(user)).toStrictEqual([
      'Impersonate-User: jane',
      'Impersonate-Uid: 42',
      'Impersonate-Group: developers',
      'Impersonate-Group: a,b',
      'Impersonate-Extra-scopes: view',
      'Impersonate-Extra-scopes: edit',
      'Impersonate-Extra-example.org%2FTeam%25: x',
    ]);
  });

  it('sends names beyond ASCII as UTF-8', async () => {
    const lines = await sentHeaders({ as: 'Zoë', 'as-groups': ['Müller 山'] });
    expect(lines.map((line) => Buffer.from(line, 'latin1').toString('utf8'))).toStrictEqual([
      'Impersonate-User: Zoë',
      'Impersonate-Group: Müller 山',
    ]);
  });

  it('sends nothing when nobody is to be impersonated', async () => {
    expect(await sentHeaders({ token: 'abc' })).toStrictEqual([]);
  });

  it.each([{ 'as-groups': ['a'] }, { 'as-uid': 'a' }, { 'as-user-extra': { a: ['b'] } }])('refuses %j without a user', async (user) => {
    expect(await failureOf(load(await folder.file(kubeconfig({ user }))))).toMatchObject({
      type: 'BadInput',
      message: `context "one": the user has ${Object.keys(user).join('')} without as`,
    });
  });
});
