import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import type { HoldfastActivities, RestorePreparation } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { HookTarget } from '../../contracts/hook.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import type { RestoreProjectInput, RestoreProjectResult } from '../../contracts/restore.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { applied, preparation, RESTORE, restoreActivities } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const BATCHES = [2, 8].map((wave, from) => ({ wave, from, segments: 1, objects: 1 }));

function run(
  input: RestoreProjectInput,
  prepared: Partial<RestorePreparation>,
  more: Partial<HoldfastActivities>,
): Promise<RestoreProjectResult> {
  const activities = restoreActivities({ prepareRestore: () => Promise.resolve(preparation(BATCHES, prepared)), ...more });
  return env.run({ workflow: 'restoreProject', input, activities }, (handle) => handle.result() as Promise<RestoreProjectResult>);
}

describe('a restore in place', () => {
  const input: RestoreProjectInput = {
    ...RESTORE,
    options: { ...RESTORE.options, namespaceMapping: { a: 'b' }, volumes: { inPlace: true, checksum: false, concurrency: 1 } },
  };
  const volume = (claim: string): CapturedVolume => ({
    namespace: 'a',
    claim,
    volume: `pv-${claim}`,
    storageClass: '',
    driver: '',
    capacityBytes: 1,
    accessModes: [],
    volumeMode: 'Filesystem',
    method: 'file-system',
    data: { kind: 'restic', snapshot: 'f'.repeat(64), files: 1, folders: 1, bytes: 2, addedBytes: 2 },
    consistency: 'none',
    startedAt: '1',
    completedAt: '2',
  });
  const task = (application: string, ...claims: readonly string[]): QuiesceTask => ({
    id: `scale-down/b/${application}`,
    plugin: 'scale-down',
    namespace: 'b',
    application,
    settings: {},
    timeoutSeconds: 1,
    leaseSeconds: 1,
    onError: 'fail',
    claims,
    guarantee: 'application',
  });

  /** Activities that write down what they are asked for, in order. */
  function world(more: Partial<HoldfastActivities> = {}) {
    const told: string[] = [];
    const activities: Partial<HoldfastActivities> = {
      planPause: ({ volumes }) => {
        told.push(`plan ${volumes.map(({ claim }) => claim).join(' ')}`);
        return Promise.resolve({ tasks: [task('db', 'data'), task('web', 'files')], blocked: [] });
      },
      pauseWorkload: ({ task: of }) => {
        told.push(`down ${of.application}`);
        return Promise.resolve({ state: { task: of, state: { replicas: 2 }, quiescedAt: '1' }, warnings: [] });
      },
      resumeWorkload: ({ task: of, state }) => {
        told.push(`up ${of.application}${state ? '' : ' without state'}`);
        return Promise.resolve({ state: { task: of, state: {}, quiescedAt: '1' }, warnings: [] });
      },
      restoreVolume: ({ volume: { claim } }) => {
        told.push(`fill ${claim}`);
        return Promise.resolve({ namespace: 'b', claim, outcome: 'restored', reason: '', files: 1, bytes: 2 });
      },
      applyBatch: ({ batch }) => {
        told.push(`wave ${batch.wave}`);
        return Promise.resolve(applied(batch.objects));
      },
      ...more,
    };
    return { told, activities };
  }

  const volumes = [volume('data'), volume('files')];

  it('stops workloads before it writes, and starts them again before it goes on, the last one first', async () => {
    const { told, activities } = world();
    expect(await run(input, { volumes }, activities)).toMatchObject({ phase: 'Completed' });
    expect(told).toEqual(['wave 2', 'plan data files', 'down db', 'down web', 'fill data', 'fill files', 'up web', 'up db', 'wave 8']);
  });

  it('leaves volumes alone that something mounts all the same, or whose workload does not stop', async () => {
    const { told, activities } = world({
      planPause: () =>
        Promise.resolve({ tasks: [task('db', 'data')], blocked: [{ namespace: 'b', claim: 'files', reason: 'pod x mounts it' }] }),
      pauseWorkload: () => Promise.reject(new HoldfastError('Conflict', 'db-0 did not stop')),
    });
    expect(await run(input, { volumes }, activities)).toMatchObject({
      phase: 'PartiallyFailed',
      volumes: [
        { namespace: 'b', claim: 'data', outcome: 'failed', reason: 'b/db: db-0 did not stop' },
        { namespace: 'b', claim: 'files', outcome: 'failed', reason: 'pod x mounts it' },
      ],
    });
    expect(told).toEqual(['wave 2', 'up db without state', 'wave 8']);
  });

  it('starts workloads again when it is cancelled', async () => {
    const { told, activities } = world({
      restoreVolume: async () => {
        told.push('filling');
        const { cancellationSignal, heartbeat } = Context.current();
        while (!cancellationSignal.aborted) {
          heartbeat();
          await delay(100, undefined, { signal: cancellationSignal }).catch(() => undefined);
        }
        cancellationSignal.throwIfAborted();
        throw new Error('unreachable');
      },
    });
    const fakes = restoreActivities({ prepareRestore: () => Promise.resolve(preparation(BATCHES, { volumes })), ...activities });
    await env.run({ workflow: 'restoreProject', input, activities: fakes }, async (handle) => {
      while (!told.includes('filling')) await delay(50);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow();
    });
    expect(told.slice(-2)).toEqual(['up web', 'up db']);
  });

  it('says how to start what could not be started again', async () => {
    const { activities } = world({ resumeWorkload: () => Promise.reject(new HoldfastError('Forbidden', 'you may not')) });
    expect(await run(input, { volumes }, activities)).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [
        {
          code: 'NotResumed',
          message: 'b/web was not scaled up again: you may not',
          advice: expect.stringContaining('holdfast.dev/scaled-down'),
        },
        { code: 'NotResumed' },
      ],
    });
  });
});

describe('hooks of a restore', () => {
  const hook = { container: '', command: ['x'], onError: 'fail', execSeconds: 1, waitSeconds: 1, waitForReady: false } as const;
  const target = (name: string): HookTarget => ({ namespace: 'a', kind: 'Deployment', name, hooks: [hook] });

  it('run at the end, and pods with init containers come right before the workloads', async () => {
    const told: string[] = [];
    const result = await run(
      RESTORE,
      { hooks: [target('one'), target('two')], hasInitContainers: true },
      {
        applyBatch: ({ batch }) => {
          told.push(`wave ${batch.wave}`);
          return Promise.resolve(applied(batch.objects));
        },
        createHookedPods: () => {
          told.push('pods');
          return Promise.resolve();
        },
        runHooks: ({ target: { name } }) => {
          told.push('hooks');
          if (name === 'two') return Promise.reject(new HoldfastError('Forbidden', 'you may not'));
          const errors = [{ code: 'RestoreHookFailed', message: 'restore hook of a/one-1: no' }];
          return Promise.resolve({ attempted: 2, failed: 1, warnings: [], errors });
        },
      },
    );
    expect(told).toEqual(['wave 2', 'pods', 'wave 8', 'hooks', 'hooks']);
    expect(result).toMatchObject({ phase: 'PartiallyFailed', hooks: { attempted: 3, failed: 2 } });
    expect(result.errors.map(({ message }) => message).sort()).toEqual([
      'restore hook of a/one-1: no',
      'restore hooks of Deployment a/two: you may not',
    ]);
  });
});
