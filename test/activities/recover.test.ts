import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { StreamKeeper } from '../../activities/quiesce/stream-keeper.ts';
import { readStream, streamNamed } from '../../repository/read-stream.ts';
import { recoverApplication, type RecoverWork } from '../../activities/recover/recover-application.ts';
import type { CapturedApplication } from '../../contracts/application.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { KeptStream, QuiesceTask } from '../../contracts/quiesce.ts';
import type { RestoreOptions } from '../../contracts/restore.ts';
import type { QuiescePlugin, RecoverContext } from '../../plugins/plugin.ts';
import type { Repository } from '../../repository/repository.ts';
import { newRepository } from '../repository/samples.ts';
import { RESTORE } from '../support/fake-activities.ts';
import { listingCluster } from '../support/fake-cluster.ts';
import { MemoryStore } from '../support/memory-store.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

async function keep(repository: Repository, name: string, content: Buffer): Promise<KeptStream> {
  const keeper = new StreamKeeper(repository, 'shop', signal);
  await keeper.keep(name, chunksOf(content));
  const { streams } = await keeper.finish();
  return streamNamed(streams, name);
}

async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += 100_000) {
    await Promise.resolve();
    yield content.subarray(from, from + 100_000);
  }
}

async function gather(content: AsyncIterable<Buffer>): Promise<{ readonly bytes: Buffer; readonly largest: number }> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return { bytes: Buffer.concat(pieces), largest: Math.max(0, ...pieces.map(({ length }) => length)) };
}

describe('a stream that a plugin has kept', () => {
  it.each([0, 1, 4 * MIB, 9 * MIB + 7])('of %d bytes comes back piece by piece', async (bytes) => {
    const { repository } = await newRepository(new MemoryStore());
    const content = randomBytes(bytes);
    const read = await gather(readStream(repository, await keep(repository, 'wal.tar', content), signal));
    expect(read.bytes.equals(content)).toBe(true);
    expect(read.largest).toBeLessThanOrEqual(4 * MIB);
  });

  it('is refused when it is not as long as was written down, and when its list is none', async () => {
    const { repository } = await newRepository(new MemoryStore());
    const stream = await keep(repository, 'wal.tar', randomBytes(10));
    for (const bytes of [9, 11]) {
      const read = gather(readStream(repository, { ...stream, bytes }, signal));
      await expect(read).rejects.toMatchObject({ type: 'Damaged', message: expect.stringContaining('stream "wal.tar"') as unknown });
    }
    const batch = repository.startBatch();
    const id = batch.addDocument({ segments: [1] });
    await batch.finish(signal);
    await expect(gather(readStream(repository, { ...stream, id }, signal))).rejects.toMatchObject({ type: 'Damaged' });
    expect(() => streamNamed([stream], 'other')).toThrow(/no stream "other"/);
  });
});

const owned = (kind: string, name: string): JsonObject => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }],
});

function pod(name: string, state: 'running' | 'ready' | 'waiting', more: JsonObject = {}): JsonObject {
  return {
    metadata: { name, namespace: 'new', ...more },
    spec: { containers: [{ name: 'sidecar' }, { name: 'server' }] },
    status: {
      containerStatuses: [
        { name: 'sidecar', ready: true, state: { running: {} } },
        { name: 'server', ready: state === 'ready', state: state === 'waiting' ? { waiting: {} } : { running: {} } },
      ],
    },
  };
}

describe('bringing an application back', () => {
  const task: QuiesceTask = {
    id: 'fake/shop/db',
    plugin: 'fake',
    namespace: 'shop',
    application: 'db',
    settings: { pod: 'db-old-1', container: 'server', mode: 'dump' },
    timeoutSeconds: 1,
    leaseSeconds: 8,
    onError: 'fail',
    claims: [],
    workload: { kind: 'Deployment', name: 'db' },
    guarantee: 'application',
  };

  /** What the plugin was asked for. */
  async function recover(
    objects: Readonly<Record<string, readonly JsonObject[]>>,
    { of = task, options = {} }: { readonly of?: QuiesceTask; readonly options?: Partial<RestoreOptions> } = {},
  ) {
    const { repository } = await newRepository(new MemoryStore());
    const stream = await keep(repository, 'shop.dump', Buffer.from('the dump'));
    const asked: { readonly task: QuiesceTask; readonly state: JsonObject; readonly context: RecoverContext }[] = [];
    const plugin: Pick<QuiescePlugin, 'name' | 'recover'> = {
      name: 'fake',
      recover: async (given, state, context) => {
        asked.push({ task: given, state, context });
        expect((await gather(context.read('shop.dump'))).bytes.toString()).toBe('the dump');
        expect(() => context.read('other')).toThrow(/no stream "other"/);
        return { warnings: [{ code: 'Odd', message: 'odd' }] };
      },
    };
    const lists = new Map(Object.entries(objects));
    const cluster = {
      ...listingCluster(lists),
      get: ({ name }: { readonly name: string }) => {
        const found = lists.get('pods')?.find((object) => (object['metadata'] as JsonObject)['name'] === name);
        return Promise.resolve(found && { object: found, bytes: Buffer.alloc(0) });
      },
    };
    const application: CapturedApplication = {
      task: of,
      state: { version: 1 },
      consistency: 'application',
      streams: [stream],
      quiescedAt: '',
      releasedAt: '',
    };
    const restore = { ...RESTORE, options: { ...RESTORE.options, namespaceMapping: { shop: 'new' }, readinessTimeoutMs: 0, ...options } };
    const work = {
      plugin,
      cluster,
      repository,
      input: { restore, sequence: 1, serverTime: '', runId: 'run-1', application },
      pulse: { signal, beat: () => undefined, resumeFrom: undefined },
    };
    return { result: await recoverApplication(work as unknown as RecoverWork), asked: asked[0] };
  }

  const replicaSets = [{ metadata: { name: 'db-new', namespace: 'new', ...owned('Deployment', 'db') } }];

  it('finds a ready pod of its workload, of those that its ReplicaSets control, and gives the plugin what is there now', async () => {
    const { result, asked } = await recover(
      {
        replicasets: replicaSets,
        pods: [
          pod('other', 'ready', owned('ReplicaSet', 'else')),
          pod('db-new-1', 'running', owned('ReplicaSet', 'db-new')),
          pod('db-new-2', 'ready', owned('ReplicaSet', 'db-new')),
          pod('db-new-3', 'ready', { ...owned('ReplicaSet', 'db-new'), deletionTimestamp: 'now' }),
        ],
      },
      { options: { volumes: { inPlace: true, checksum: false, concurrency: 1 }, pluginOptions: { fake: { a: 'b' }, other: { c: 'd' } } } },
    );
    expect(result).toEqual({
      plugin: 'fake',
      namespace: 'new',
      application: 'db',
      outcome: 'recovered',
      reason: '',
      warnings: [{ code: 'Odd', message: 'odd' }],
    });
    expect(asked?.task).toEqual({ ...task, namespace: 'new', settings: { ...task.settings, pod: 'db-new-2' } });
    expect(asked).toMatchObject({ state: { version: 1 }, context: { run: 'run-1', inPlace: true, options: { a: 'b' } } });
  });

  it('takes the pod of the same name in a StatefulSet and without a workload, and no other', async () => {
    const { workload: _, ...alone } = task;
    const set = { ...task, workload: { kind: 'StatefulSet', name: 'db' } };
    const pods = [pod('db-0', 'ready', owned('StatefulSet', 'db')), pod('db-old-1', 'running', owned('StatefulSet', 'db'))];
    for (const one of [alone, set]) expect((await recover({ pods }, { of: one })).asked?.task.settings['pod']).toBe('db-old-1');
    for (const one of [alone, set])
      await expect(recover({ pods: pods.slice(0, 1) }, { of: one })).rejects.toMatchObject({ type: 'Conflict' });
  });

  it('says which pods do not run in time', async () => {
    await expect(
      recover({ replicasets: replicaSets, pods: [pod('db-new-1', 'waiting', owned('ReplicaSet', 'db-new'))] }),
    ).rejects.toMatchObject({
      type: 'Conflict',
      message: 'fake of new/db: a pod of Deployment new/db does not run in time',
    });
  });
});
