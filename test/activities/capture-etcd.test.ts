import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { captureEtcd } from '../../activities/etcd/capture-etcd.ts';
import type { CaptureEtcdResult } from '../../contracts/etcd.ts';
import type { EtcdCaptureProgress } from '../../contracts/etcd-backup.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { initRepository } from '../../repository/init.ts';
import { readStream } from '../../repository/read-stream.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { collect } from '../support/collect.ts';
import { chunksOf, FakeEtcd, snapshotOf, type FakeMember } from '../support/fake-etcd.ts';
import { MemoryStore } from '../support/memory-store.ts';

const MEBIBYTE = 1024 * 1024;
const SNAPSHOT = snapshotOf(randomBytes(20 * MEBIBYTE));
const [A, B, C] = ['https://a:2379', 'https://b:2379', 'https://c:2379'] as const;

let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  store = new MemoryStore();
  repository = await open();
});

async function open(packSizeMiB = 8): Promise<Repository> {
  await initRepository(store, { passphrase: 'correct horse', scryptWorkFactor: 4 });
  return openRepository(store, { passphrase: 'correct horse' }, { storage: { packSizeMiB } });
}

function capture(etcd: FakeEtcd, beat: (details?: unknown) => void = () => undefined): Promise<CaptureEtcdResult> {
  const pulse = { beat, signal: new AbortController().signal, resumeFrom: undefined };
  return captureEtcd({ etcd, repository, pulse });
}

function cluster(
  members: Readonly<Record<string, FakeMember>>,
  options: Partial<ConstructorParameters<typeof FakeEtcd>[1]> = {},
): FakeEtcd {
  return new FakeEtcd(members, { snapshot: SNAPSHOT, ...options });
}

async function stored({ etcd }: CaptureEtcdResult): Promise<Buffer> {
  return Buffer.concat(await collect(readStream(repository, etcd.snapshot, new AbortController().signal)));
}

const breaking = (bytes: number) =>
  function* (): Generator<Buffer> {
    yield* chunksOf(SNAPSHOT.subarray(0, bytes));
    throw new HoldfastError('Unavailable', 'the stream broke');
  };
const flipped = Buffer.from(SNAPSHOT);
flipped[5_000_000]! ^= 1;

describe('captureEtcd', () => {
  it('asks a follower before the leader, and never a learner or a member with a corrupt store', async () => {
    const etcd = cluster(
      { [A]: { status: { isLeader: true } }, [B]: { status: { learner: true } }, [C]: {}, 'https://d:2379': {} },
      { alarms: [{ memberId: C, alarm: 'CORRUPT' }] },
    );
    const result = await capture(etcd);
    expect(etcd.asked).toEqual(['https://d:2379']);
    expect(result.etcd).toMatchObject({
      endpoint: 'https://d:2379',
      revision: '70',
      hash: 'hash at 70',
      compactRevision: '-1',
      alarms: ['CORRUPT'],
    });
    expect(result.warnings.map(({ message }) => message)).toEqual([
      `etcd ${B}: it is a learner`,
      `etcd ${C}: its store is corrupt (alarm CORRUPT)`,
      'etcd has raised the alarm CORRUPT',
    ]);
    expect((await stored(result)).equals(SNAPSHOT)).toBe(true);
  });

  it('passes over a member that lags behind the others, and one that does not answer', async () => {
    const etcd = cluster({ [A]: { status: { appliedIndex: 90n } }, [B]: { isAway: true }, [C]: { status: { isLeader: true } } });
    const result = await capture(etcd);
    expect(etcd.asked).toEqual([C]);
    expect(result.warnings.map(({ message }) => message)).toEqual([
      `etcd ${B}: it does not answer`,
      `etcd ${A}: it lags behind the others`,
    ]);
  });

  it('goes on with another member when a stream breaks, and with members that nobody named when all of those failed', async () => {
    const etcd = cluster({ [A]: { stream: breaking(9 * MEBIBYTE) }, [B]: {} }, { endpoints: [A] });
    const result = await capture(etcd);
    expect(etcd.asked).toEqual([A, B]);
    expect(result.etcd.endpoint).toBe(B);
    expect(result.warnings).toMatchObject([{ code: 'EtcdMemberPassedOver', message: 'the stream broke' }]);
    expect((await stored(result)).equals(SNAPSHOT)).toBe(true);
    // The first two pieces of 4 MiB were stored before the stream broke.
    expect(result.sizes).toMatchObject({ knownSegments: 2, read: SNAPSHOT.length });
  });

  it('does not send again what an attempt before has stored', async () => {
    await expect(capture(cluster({ [A]: { stream: breaking(18 * MEBIBYTE) } }))).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'the stream broke',
    });
    const result = await capture(cluster({ [A]: {} }));
    expect(result.sizes.knownSegments).toBe(4);
    expect(result.sizes.stored).toBeLessThan(5 * MEBIBYTE);
  });

  it.each([
    ['cut short', () => chunksOf(SNAPSHOT.subarray(0, -4096))],
    ['without its trailer', () => chunksOf(SNAPSHOT.subarray(0, -32))],
    ['of nothing', () => []],
    ['with a bit flipped', () => chunksOf(flipped)],
  ])('refuses a stream %s, and takes the whole one of another member', async (_what, stream) => {
    await expect(capture(cluster({ [A]: { stream } }))).rejects.toMatchObject({
      type: 'Damaged',
      message: `etcd ${A}: the snapshot does not match its own SHA-256: it is cut short or was changed`,
    });
    const result = await capture(cluster({ [A]: { stream }, [B]: { status: { isLeader: true } } }));
    expect(result.etcd.endpoint).toBe(B);
    expect((await stored(result)).equals(SNAPSHOT)).toBe(true);
  });

  it('names every member in one line when none can give a snapshot', async () => {
    const etcd = cluster({ [A]: { isAway: true }, [B]: { status: { learner: true } } });
    await expect(capture(etcd)).rejects.toMatchObject({
      type: 'Unavailable',
      message: `no member gave a snapshot: etcd ${A}: it does not answer; etcd ${B}: it is a learner`,
    });
    await expect(capture(cluster({ [B]: { status: { learner: true } } }))).rejects.toMatchObject({ type: 'Conflict' });
  });

  it('does not take trouble with the location for trouble with a member', async () => {
    store.create = () => Promise.reject(new HoldfastError('Unavailable', 'the store is away'));
    const etcd = cluster({ [A]: {}, [B]: {} });
    await expect(capture(etcd)).rejects.toThrow('the store is away');
    expect(etcd.asked).toHaveLength(1);
  });

  it('tells how far it is, and reads no further than a slow location can take', async () => {
    store = new MemoryStore();
    repository = await open(4);
    const create = store.create.bind(store);
    let uploaded = 0;
    store.create = async (key, body, options) => {
      await delay(100);
      await create(key, body, options);
      uploaded += body.length;
    };
    const snapshot = snapshotOf(randomBytes(80 * MEBIBYTE));
    let ahead = 0;
    let last: EtcdCaptureProgress | undefined;
    const result = await capture(new FakeEtcd({ [A]: {} }, { snapshot }), (details) => {
      last = (details as EtcdCaptureProgress | undefined) ?? last;
      ahead = Math.max(ahead, (last?.streamedBytes ?? 0) - uploaded);
    });
    expect(last).toEqual({ streamedBytes: snapshot.length, databaseBytes: snapshot.length - 32 });
    expect(result.etcd.snapshot.bytes).toBe(snapshot.length);
    expect(ahead).toBeLessThan(48 * MEBIBYTE);
  });
});
