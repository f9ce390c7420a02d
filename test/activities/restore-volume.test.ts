import { describe, expect, it } from '@jest/globals';
import { StreamKeeper } from '../../activities/quiesce/stream-keeper.ts';
import { restoreVolume, type RestoreVolumeWork } from '../../activities/volume/restore-volume.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import type { PutBackTask, RestoreTask } from '../../movers/port.ts';
import { newRepository } from '../repository/samples.ts';
import { RESTORE } from '../support/fake-activities.ts';
import { listingCluster } from '../support/fake-cluster.ts';
import { MemoryStore } from '../support/memory-store.ts';

const { signal } = new AbortController();
const NOW = '2026-11-22T10:00:00Z';
const DATA = { kind: 'restic', snapshot: 'f'.repeat(64), files: 3, folders: 1, bytes: 10, addedBytes: 10 } as const;

/** A claim that this restore has made, with a volume that is as new. */
const CLAIM: JsonObject = {
  metadata: {
    name: 'data',
    namespace: 'shop',
    creationTimestamp: NOW,
    managedFields: [{ manager: 'holdfast/r', operation: 'Apply', time: NOW }],
  },
  spec: { volumeName: 'pv' },
  status: { phase: 'Bound' },
};
const VOLUME: JsonObject = { metadata: { name: 'pv', creationTimestamp: NOW }, spec: { hostPath: { path: '/v' } } };

async function restore(volume: Partial<CapturedVolume>, found = { files: 3, bytes: 10 }) {
  const { repository } = await newRepository(new MemoryStore());
  const keeper = new StreamKeeper(repository, 'shop', signal);
  await keeper.keep('wal.tar', [Buffer.from('the log')] as unknown as AsyncIterable<Buffer>);
  const { streams } = await keeper.finish();
  const restored: RestoreTask[] = [];
  const put: PutBackTask[] = [];
  const work = {
    cluster: {
      ...listingCluster(new Map()),
      get: ({ type }: { readonly type: { readonly resource: string } }) =>
        Promise.resolve({ object: type.resource === 'persistentvolumes' ? VOLUME : CLAIM, bytes: Buffer.alloc(0) }),
    },
    mover: {
      reaches: () => true,
      restore: (task: RestoreTask) => {
        restored.push(task);
        return Promise.resolve(found);
      },
      putBack: (task: PutBackTask) => {
        put.push(task);
        return Promise.resolve();
      },
    },
    repository: {},
    backups: repository,
    input: {
      restore: { ...RESTORE, options: { ...RESTORE.options, volumes: { inPlace: true, checksum: false, concurrency: 1 } } },
      sequence: 1,
      serverTime: NOW,
      runId: 'run-1',
      volume: { namespace: 'shop', claim: 'data', volumeMode: 'Filesystem', data: DATA, streams, ...volume },
    },
    pulse: { signal, beat: () => undefined, resumeFrom: undefined },
  };
  const fresh = { ...work, input: { ...work.input, restore: RESTORE_FRESH } };
  return {
    inPlace: () => restoreVolume(work as unknown as RestoreVolumeWork),
    fresh: () => restoreVolume(fresh as unknown as RestoreVolumeWork),
    restored,
    put,
  };
}

const RESTORE_FRESH = { ...RESTORE, options: { ...RESTORE.options, volumes: { inPlace: false, checksum: false, concurrency: 1 } } };
const LABEL = { kind: 'file', claim: 'data', path: 'pgdata/backup_label', content: 'x' } as const;
const WAL = { kind: 'tar', claim: 'data', path: 'pgdata/pg_wal', stream: 'wal.tar' } as const;
const ELSEWHERE = { kind: 'absent', claim: 'log', path: 'x' } as const;

describe('the restore of a volume with something to put back', () => {
  it('puts back what is for this claim, once the files are those of the backup', async () => {
    const { inPlace, restored, put } = await restore({ putBack: [LABEL, WAL, ELSEWHERE] });
    expect(await inPlace()).toMatchObject({ outcome: 'restored', files: 3, bytes: 10 });
    expect(put).toHaveLength(1);
    expect(put[0]?.id).toBe(`${restored[0]?.id ?? ''}-put`);
    expect(put[0]?.source).toEqual({ kind: 'folder', path: '/v' });
    expect(put[0]?.entries).toMatchObject([
      { kind: 'file', path: 'pgdata/backup_label', content: 'x' },
      { kind: 'tar', path: 'pgdata/pg_wal', bytes: 'the log'.length },
    ]);
    const [, tar] = put[0]?.entries ?? [];
    if (tar?.kind !== 'tar') throw new Error('no tar is put back');
    for (let round = 0; round < 2; round += 1) {
      const chunks: Buffer[] = [];
      for await (const chunk of tar.content()) chunks.push(chunk);
      expect(Buffer.concat(chunks).toString()).toBe('the log');
    }
  });

  it('removes what an attempt before has put back, which would be counted', async () => {
    const { fresh, restored } = await restore({ putBack: [LABEL] });
    await fresh();
    expect(restored[0]).toMatchObject({ exact: true });
    const plain = await restore({});
    await plain.fresh();
    expect(plain.restored[0]).toMatchObject({ exact: false });
    expect(plain.put).toEqual([]);
  });

  it('puts nothing into files that are not those of the backup, and asks for no stream that is not there', async () => {
    const short = await restore({ putBack: [LABEL] }, { files: 2, bytes: 10 });
    expect(await short.inPlace()).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('2 files') as unknown });
    expect(short.put).toEqual([]);
    const lost = await restore({ putBack: [{ ...WAL, stream: 'other' }] });
    await expect(lost.inPlace()).rejects.toMatchObject({ type: 'NotFound' });
  });
});
