import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { captureEtcd } from '../../activities/etcd/capture-etcd.ts';
import type { CaptureEtcdResult } from '../../contracts/etcd.ts';
import { openEtcd } from '../../etcd/etcd-client.ts';
import type { Etcd } from '../../etcd/port.ts';
import { writeSnapshot } from '../../etcd/snapshot-file.ts';
import { initRepository } from '../../repository/init.ts';
import { readStream } from '../../repository/read-stream.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { EtcdCluster } from '../support/etcd-cluster.ts';
import { MemoryStore } from '../support/memory-store.ts';

const MEBIBYTE = 1024 * 1024;
const NEVER = new AbortController().signal;

let folder: string;
let cluster: EtcdCluster;
let repository: Repository;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-capture-'));
  const store = new MemoryStore();
  await initRepository(store, { passphrase: 'correct horse', scryptWorkFactor: 4 });
  repository = await openRepository(store, { passphrase: 'correct horse' });
  cluster = await EtcdCluster.start({ members: 3 });
  const client = await cluster.client();
  for (let number = 0; number < 40; number += 1) await client.put(`big/${number}`).value(randomBytes(MEBIBYTE));
}, 180_000);
afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

async function open(endpoints = cluster.endpoints, user?: { readonly name: string; readonly password: string }): Promise<Etcd> {
  const { caFile, certFile, keyFile } = cluster.files;
  const [authority, certificate, key] = await Promise.all([caFile, certFile, keyFile].map(async (file) => readFile(file)));
  return openEtcd({ endpoints, authority: authority!, certificate: certificate!, key: key!, ...(user ? { user } : {}) });
}

async function capture(etcd: Etcd): Promise<CaptureEtcdResult> {
  try {
    return await captureEtcd({ etcd, repository, pulse: { beat: () => undefined, signal: NEVER, resumeFrom: undefined } });
  } finally {
    etcd.close();
  }
}

/** The stored snapshot as a file; what it holds is checked against the facts on the way. */
async function asFile({ etcd }: CaptureEtcdResult): Promise<string> {
  const file = join(folder, `${etcd.sha256}.db`);
  await writeSnapshot(file, etcd, { content: readStream(repository, etcd.snapshot, NEVER), onBytes: () => undefined });
  return file;
}

async function hashOf(file: string, revision: string): Promise<string> {
  const { hash } = JSON.parse(await cluster.tool('etcdutl', ['hashkv', file, '--rev', revision, '-w', 'json'])) as {
    readonly hash: number;
  };
  return String(hash);
}

async function leader(): Promise<string> {
  const etcd = await open();
  try {
    for (const endpoint of cluster.endpoints) if ((await etcd.status(endpoint)).isLeader) return endpoint;
    throw new Error('there is no leader');
  } finally {
    etcd.close();
  }
}

describe('a snapshot of three members', () => {
  it('is of a follower, and its hash is what etcd says of itself, although writes go on', async () => {
    const client = await cluster.client();
    const ended = new AbortController();
    let writes = 0;
    const writing = (async () => {
      while (!ended.signal.aborted) await client.put(`small/${(writes += 1) % 10}`).value(`${writes}`);
    })();
    let result: CaptureEtcdResult;
    try {
      result = await capture(await open());
    } finally {
      ended.abort();
      await writing;
    }
    expect(writes).toBeGreaterThan(1);
    const { etcd } = result;
    expect(etcd.endpoint).not.toBe(await leader());
    expect(etcd.snapshot.bytes).toBeGreaterThan(40 * MEBIBYTE);
    expect(result.warnings).toEqual([]);
    const ctl = JSON.parse(await cluster.tool('etcdctl', ['endpoint', 'hashkv', '--rev', etcd.revision, '-w', 'json'])) as readonly {
      readonly HashKV: { readonly hash: number };
    }[];
    expect(ctl.map(({ HashKV }) => String(HashKV.hash))).toEqual([etcd.hash, etcd.hash, etcd.hash]);
    expect(await hashOf(await asFile(result), etcd.revision)).toBe(etcd.hash);
  }, 120_000);

  it('stores once what was stored before', async () => {
    const endpoints = cluster.endpoints.slice(0, 1);
    await capture(await open(endpoints));
    const { sizes } = await capture(await open(endpoints));
    // Pieces of 4 MiB: the pages that every commit of bbolt writes are in the first ones.
    expect(sizes.knownSegments).toBeGreaterThanOrEqual(8);
    expect(sizes.newSegments).toBeLessThanOrEqual(4);
  }, 120_000);

  it('is not of a learner', async () => {
    const index = await cluster.addLearner();
    const learner = cluster.members[index]!.clientUrl;
    const etcd = await open();
    // It answers before it has joined, too.
    while (
      !(await etcd.status(learner).then(
        ({ learner: isLearner }) => isLearner,
        () => false,
      ))
    )
      await delay(50);
    const { etcd: captured, warnings } = await capture(etcd);
    expect(cluster.endpoints.slice(0, 3)).toContain(captured.endpoint);
    expect(warnings.map(({ message }) => message)).toEqual([`etcd ${learner}: it is a learner`]);
    expect(captured.members.filter(({ learner: isLearner }) => isLearner).map(({ name }) => name)).toEqual(['m4']);
  }, 120_000);

  it('needs the user that may take it, where etcd has users', async () => {
    for (const words of [
      ['user', 'add', 'root:canary'],
      ['user', 'grant-role', 'root', 'root'],
      ['auth', 'enable'],
    ])
      await cluster.tool('etcdctl', words);
    const three = cluster.endpoints.slice(0, 3);
    await expect(capture(await open(three))).rejects.toMatchObject({ type: 'Forbidden' });
    await expect(capture(await open(three, { name: 'root', password: 'wrong' }))).rejects.toMatchObject({ type: 'Forbidden' });
    const { etcd } = await capture(await open(three, { name: 'root', password: 'canary' }));
    expect(etcd.hash).not.toBe('');
    await cluster.tool('etcdctl', ['--user=root:canary', 'auth', 'disable']);
  }, 120_000);

  it('is whole when the member is killed in the middle of its stream: another one gives it', async () => {
    const first = await leader();
    const follower = cluster.endpoints.slice(0, 3).find((endpoint) => endpoint !== first)!;
    // Only this one is named: the others are found through it.
    const etcd = await open([follower]);
    const plain = etcd.snapshot.bind(etcd);
    let [streamed, killed] = [0, false];
    etcd.snapshot = async function* (endpoint, signal) {
      for await (const chunk of plain(endpoint, signal)) {
        streamed += chunk.length;
        if (streamed > 8 * MEBIBYTE && !killed) {
          killed = true;
          await cluster.kill(cluster.endpoints.indexOf(follower));
        }
        yield chunk;
      }
    };
    const result = await capture(etcd);
    expect(killed).toBe(true);
    expect(result.etcd.endpoint).not.toBe(follower);
    expect(result.warnings.map(({ code }) => code)).toContain('EtcdMemberPassedOver');
    expect(await hashOf(await asFile(result), result.etcd.revision)).toBe(result.etcd.hash);
  }, 120_000);
});
