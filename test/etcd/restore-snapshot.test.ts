import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { openEtcd } from '../../etcd/etcd-client.ts';
import type { Etcd } from '../../etcd/port.ts';
import { restoreSnapshot, type RestoreEtcdRequest } from '../../etcd/restore-snapshot.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { collect } from '../support/collect.ts';
import { EtcdCluster } from '../support/etcd-cluster.ts';

const NEVER = new AbortController().signal;
const MEMBERS = [
  { name: 'a', peerUrls: ['http://127.0.0.1:2380'] },
  { name: 'b', peerUrls: ['http://127.0.0.1:12380', 'http://127.0.0.1:22380'] },
];

let cluster: EtcdCluster;
let etcd: Etcd;
let snapshot: Buffer;
let facts: CapturedEtcd;
let etcdutl: string;
let folder: string;

beforeAll(async () => {
  cluster = await EtcdCluster.start({ more: ['--quota-backend-bytes', '300000'] });
  const client = await cluster.client();
  for (let number = 0; number < 20; number += 1) await client.put(`k${number}`).value('v'.repeat(2_000));
  const { caFile, certFile, keyFile } = cluster.files;
  const [authority, certificate, key] = await Promise.all([caFile, certFile, keyFile].map(async (file) => readFile(file)));
  etcd = openEtcd({ endpoints: cluster.endpoints, authority: authority!, certificate: certificate!, key: key! });
  const [endpoint] = cluster.endpoints as [string];
  const { revision } = await etcd.status(endpoint);
  snapshot = Buffer.concat(await collect(etcd.snapshot(endpoint, NEVER)));
  facts = {
    ...{ clusterId: '1', version: '3.7.3', endpoint, members: [], revision, alarms: [], takenAt: '' },
    ...(await etcd.hashOfKeys(endpoint, revision)),
    ...{ databaseBytes: snapshot.length - 32, inUseBytes: 1, quotaBytes: 0, sha256: snapshot.subarray(-32).toString('hex') },
    snapshot: { name: 'etcd-snapshot', id: '', bytes: snapshot.length },
  };
  etcdutl = (await resolveTools(['etcdutl'])).get('etcdutl')!;
}, 120_000);
afterAll(async () => {
  etcd.close();
  await cluster.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-restore-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function restore(more: Partial<RestoreEtcdRequest> & { readonly bytes?: Buffer; readonly facts?: Partial<CapturedEtcd> } = {}) {
  const { bytes = snapshot, facts: other, ...request } = more;
  return restoreSnapshot({
    ...{ etcdutl, members: MEMBERS, token: 'new', bumpRevision: 1_000, signal: NEVER, onProgress: () => undefined },
    targets: [{ name: 'b', dataDir: join(folder, 'b') }],
    snapshot: { facts: { ...facts, ...other }, content: inTwo(bytes) },
    ...request,
  });
}

async function* inTwo(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 1_000);
  yield* [bytes.subarray(1_000)];
  await Promise.resolve();
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  // Whatever goes wrong: nothing at the target, and nothing beside it.
  expect(await readdir(folder)).toEqual([]);
  return error;
}

describe('restoreSnapshot', () => {
  it('makes the data directory of one member of several, closed to others, and leaves nothing beside it', async () => {
    const steps: string[] = [];
    const restored = await restore({ onProgress: (step) => steps.push(step) });
    expect(restored).toEqual({
      ...{ revision: facts.revision, newRevision: String(Number(facts.revision) + 1_000), hash: 'equal', snapshotBytes: snapshot.length },
      clusterId: expect.stringMatching(/^[0-9a-f]+$/),
      made: [{ name: 'b', dataDir: join(folder, 'b') }],
    });
    expect(await readdir(folder)).toEqual(['b']);
    expect((await stat(join(folder, 'b'))).mode & 0o777).toBe(0o700);
    expect([...new Set(steps)]).toEqual(['reading the snapshot', 'making b', 'comparing hashes']);
  });

  it('makes those of all members, which belong to one cluster', async () => {
    const root = join(folder, 'new', 'root');
    const all = await restore({ targets: MEMBERS.map(({ name }) => ({ name, dataDir: join(root, name) })) });
    expect(await readdir(root)).toEqual(['a', 'b']);
    expect((await restore()).clusterId).toBe(all.clusterId);
    await rm(join(folder, 'b'), { recursive: true });
    expect((await restore({ token: 'another' })).clusterId).not.toBe(all.clusterId);
  });

  it('refuses what exists, be it empty, and reads nothing for it', async () => {
    await mkdir(join(folder, 'b'));
    const content = (async function* (): AsyncGenerator<Buffer> {
      yield await Promise.reject(new Error('it was read'));
    })();
    await expect(restore({ snapshot: { facts, content } })).rejects.toMatchObject({
      type: 'AlreadyExists',
      message: `${join(folder, 'b')} exists: nothing is ever written over`,
    });
    expect(await readdir(join(folder, 'b'))).toEqual([]);
  });

  it.each([
    ['with a bit flipped', () => Buffer.from(snapshot).fill(snapshot[40_000]! ^ 1, 40_000, 40_001)],
    ['cut short', () => snapshot.subarray(0, -512)],
    ['that is another one', () => Buffer.concat([Buffer.alloc(512), createHash('sha256').update(Buffer.alloc(512)).digest()])],
  ])('refuses a snapshot %s', async (_what, bytes) => {
    expect(await failure(restore({ bytes: bytes() }))).toMatchObject({ type: 'Damaged', message: expect.stringContaining('SHA-256') });
  });

  it('refuses keys that hash to something else than the member said, and says when it cannot compare', async () => {
    expect(await failure(restore({ facts: { hash: '1' } }))).toMatchObject({
      type: 'Damaged',
      message: `the keys in the snapshot hash to ${facts.hash} at revision ${facts.revision}, the member said 1 when it was taken`,
    });
    expect(await restore({ facts: { hash: '1', compactRevision: '5' } })).toMatchObject({ hash: 'unknown' });
  });

  it('refuses too little room before it reads anything', async () => {
    const error = await failure(restore({ facts: { snapshot: { ...facts.snapshot, bytes: Number.MAX_SAFE_INTEGER } } }));
    expect(error).toMatchObject({ type: 'BadInput', message: expect.stringMatching(/: \d+ MiB are needed, \d+ MiB are free$/) });
  });

  it('makes no folder for nothing, and takes away what a killed restore has left', async () => {
    const dataDir = join(folder, 'x', 'y', 'b');
    expect(await failure(restore({ bytes: Buffer.alloc(0), targets: [{ name: 'b', dataDir }] }))).toMatchObject({ type: 'Damaged' });
    // Linux gives no process this number.
    await mkdir(join(folder, '.holdfast-etcd-4194305-00000000'));
    await mkdir(join(folder, `.holdfast-etcd-${process.ppid}-00000000`));
    await restore();
    expect(await readdir(folder)).toEqual([`.holdfast-etcd-${process.ppid}-00000000`, 'b']);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const work = restore({
      signal: stop.signal,
      onProgress: (step) => {
        if (step === 'making b') stop.abort(new Error('stop'));
      },
    });
    expect(await failure(work)).toMatchObject({ message: 'stop' });
  });

  it('says in one line what etcdutl says, and when there is none', async () => {
    expect(await failure(restore({ etcdutl: join(folder, 'none') }))).toMatchObject({
      type: 'NotFound',
      message: `${join(folder, 'none')} cannot be started (ENOENT)`,
    });
    const tools = await mkdtemp(join(tmpdir(), 'holdfast-test-tool-'));
    try {
      const tool = join(tools, 'etcdutl');
      await writeFile(tool, '#!/bin/sh\necho "Error: it does not like it" >&2\nexit 1\n');
      await chmod(tool, 0o755);
      expect(await failure(restore({ etcdutl: tool }))).toMatchObject({
        type: 'Damaged',
        message: 'etcdutl snapshot: it does not like it',
      });
      // One that says that all is well, and has made a member of another cluster.
      await writeFile(tool, '#!/bin/sh\nexit 0\n');
      expect(await failure(restore({ etcdutl: tool }))).toMatchObject({ message: 'etcdutl made "b" with other members: []' });
    } finally {
      await rm(tools, { recursive: true });
    }
  });
});

describe('the client', () => {
  it('tells how a member is, its alarms included', async () => {
    const [endpoint] = cluster.endpoints as [string];
    expect(await etcd.status(endpoint)).toMatchObject({
      version: '3.7.3',
      isLeader: true,
      hasLeader: true,
      learner: false,
      quotaBytes: 300_000,
    });
    const [member] = await etcd.members(endpoint);
    expect(member).toMatchObject({ name: 'm1', clientUrls: [endpoint], learner: false });
    expect(await etcd.alarms(endpoint)).toEqual([]);
    const client = await cluster.client();
    const fill = async (): Promise<void> => {
      for (;;) await client.put('big').value('v'.repeat(100_000));
    };
    await expect(fill()).rejects.toThrow(/space exceeded/);
    const { memberId } = await etcd.status(endpoint);
    expect(await etcd.alarms(endpoint)).toEqual([{ memberId, alarm: 'NOSPACE' }]);
  });

  it('says in one line why a member cannot be used', async () => {
    const [endpoint] = cluster.endpoints as [string];
    const { files, strangersFiles } = cluster;
    const [authority, certificate, key] = await Promise.all(
      [files.caFile, files.certFile, files.keyFile].map(async (file) => readFile(file)),
    );
    const [stranger, strangersKey] = await Promise.all(
      [strangersFiles.certFile, strangersFiles.keyFile].map(async (file) => readFile(file)),
    );
    const asked = async (settings: Partial<Parameters<typeof openEtcd>[0]>, where = endpoint): Promise<unknown> => {
      const opened = openEtcd({ endpoints: [where], ...settings });
      try {
        return await opened.status(where).catch((error: unknown) => error);
      } finally {
        opened.close();
      }
    };
    const ours = { authority: authority!, certificate: certificate!, key: key! };
    const says = (type: string, reason: string): object => ({ type, message: expect.stringMatching(reason) });
    expect(await asked({ ...ours, certificate: stranger!, key: strangersKey! })).toMatchObject(
      says('Forbidden', 'does not accept our certificate'),
    );
    expect(await asked({ authority: authority! })).toMatchObject(says('Forbidden', 'does not accept our certificate'));
    expect(await asked({ ...ours, authority: stranger! })).toMatchObject(says('Forbidden', 'its certificate is not trusted'));
    expect(await asked({})).toMatchObject(says('Forbidden', 'its certificate is not trusted'));
    expect(await asked({ ...ours, key: strangersKey! })).toMatchObject(says('Forbidden', 'do not belong together'));
    expect(await asked({}, endpoint.replace('https', 'http'))).toMatchObject(says('Unavailable', ': Failed to connect$'));
    expect(await asked(ours, 'https://127.0.0.1:1')).toMatchObject(says('Unavailable', 'connect ECONNREFUSED 127.0.0.1:1$'));
  });
});
