import { describe, expect, it } from '@jest/globals';
import type { HookTarget, RestoreHook } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { runHooks } from '../../activities/hooks/run-hooks.ts';
import type { Pulse } from '../../activities/heartbeat.ts';
import type { Cluster, ExecRequest } from '../../kubernetes/port.ts';
import { RESTORE } from '../support/fake-activities.ts';
import { listingCluster } from '../support/fake-cluster.ts';

const NOTHING_FAILS: (request: ExecRequest) => string = () => '';
const SINCE = '2026-11-22T00:00:00.000Z';
const hook = (word: string, more: Partial<RestoreHook> = {}): RestoreHook => ({
  container: '',
  command: [word],
  onError: 'fail',
  execSeconds: 5,
  waitSeconds: 5,
  waitForReady: false,
  ...more,
});

function podNamed(name: string): JsonObject {
  return {
    metadata: {
      name,
      namespace: 'shop',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u', controller: true }],
    },
    spec: { containers: [{ name: 'main' }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: {} } }] },
  };
}

/** A StatefulSet of so many replicas, whose next pod comes when commands have been run in the one before. */
function world({ replicas = 2, comeAtMost = 9, creationTimestamp = '2026-11-22T00:00:00Z', fails = NOTHING_FAILS } = {}) {
  const ran: string[] = [];
  const objects = new Map<string, readonly JsonObject[]>([['pods', [podNamed('db-0')]]]);
  const set = {
    metadata: { name: 'db', namespace: 'shop', creationTimestamp },
    spec: { replicas, selector: { matchLabels: { app: 'db' } } },
  };
  const cluster: Cluster = {
    ...listingCluster(objects),
    get: ({ type, name }) => {
      const object =
        type.kind === 'Pod' ? (objects.get('pods') ?? []).find(({ metadata }) => (metadata as JsonObject)['name'] === name) : set;
      return Promise.resolve(object && { object, bytes: Buffer.alloc(0) });
    },
    exec: (request) => {
      const failure = fails(request);
      if (failure === 'lost') return Promise.reject(new HoldfastError('Unavailable', 'the connection is lost'));
      ran.push(`${request.pod} ${request.command.join(' ')}`);
      const count = new Set(ran.map((line) => line.split(' ')[0])).size;
      objects.set(
        'pods',
        Array.from({ length: Math.min(replicas, comeAtMost, count + 1) }, (_, index) => podNamed(`db-${index}`)),
      );
      return Promise.resolve({ exitCode: failure === '' ? 0 : 1, stdout: '', stderr: failure });
    },
  };
  const beats: unknown[] = [];
  const pulse = (resumeFrom?: unknown): Pulse => ({
    beat: (details) => {
      if (details !== undefined) beats.push(JSON.parse(JSON.stringify(details)));
    },
    signal: new AbortController().signal,
    resumeFrom,
  });
  const run = (hooks: readonly RestoreHook[], resumeFrom?: unknown, kind = 'StatefulSet') => {
    const target: HookTarget = { namespace: 'shop', kind, name: 'db', hooks };
    return runHooks(cluster, { restore: RESTORE, serverTime: SINCE, target }, pulse(resumeFrom));
  };
  return { run, ran, beats };
}

describe('hooks of a workload', () => {
  it('run in each pod as it comes, in their order', async () => {
    const { run, ran } = world({ replicas: 3 });
    expect(await run([hook('a'), hook('b')])).toStrictEqual({ attempted: 6, failed: 0, warnings: [], errors: [] });
    expect(ran).toStrictEqual(['db-0 a', 'db-0 b', 'db-1 a', 'db-1 b', 'db-2 a', 'db-2 b']);
  });

  it('end with one that must not fail, and go on behind one that may', async () => {
    const { run, ran } = world({ replicas: 1, fails: ({ command }) => (command[0] === 'ok' ? '' : 'no') });
    expect(await run([hook('may', { onError: 'continue' }), hook('must'), hook('never')])).toMatchObject({
      attempted: 2,
      failed: 2,
      warnings: [{ message: 'restore hook of shop/db-0: may ended with exit code 1: no' }],
      errors: [{ message: 'restore hook of shop/db-0: must ended with exit code 1: no' }],
    });
    expect(ran).toStrictEqual(['db-0 may', 'db-0 must']);
  });

  it('are not run again in pods that an earlier attempt had done', async () => {
    let isLost = true;
    const { run, ran, beats } = world({ fails: ({ pod }) => (pod === 'db-1' && isLost ? 'lost' : '') });
    await expect(run([hook('a')])).rejects.toMatchObject({ type: 'Unavailable' });
    isLost = false;
    expect(await run([hook('a')], beats.at(-1))).toMatchObject({ attempted: 2, failed: 0 });
    expect(ran).toStrictEqual(['db-0 a', 'db-1 a']);
  });

  it('that are missed by pods that do not come are counted as failed', async () => {
    const { run } = world({ replicas: 3, comeAtMost: 1 });
    expect(
      await run([hook('a', { waitSeconds: 1 }), hook('b', { onError: 'continue' })].map((one) => ({ ...one, waitSeconds: 1 }))),
    ).toMatchObject({
      attempted: 6,
      failed: 4,
      errors: [{ message: 'restore hooks of StatefulSet shop/db: 2 of its pods did not come in time' }],
    });
  });

  it.each([
    ['was there before the restore', { creationTimestamp: '2026-11-21T23:59:59Z' }, 'StatefulSet'],
    ['is of a kind without pods', {}, 'ConfigMap'],
  ])('are not run where the target %s', async (_why, options, kind) => {
    const { run, ran } = world(options);
    expect(await run([hook('a')], undefined, kind)).toStrictEqual({ attempted: 0, failed: 0, warnings: [], errors: [] });
    expect(ran).toStrictEqual([]);
  });
});
