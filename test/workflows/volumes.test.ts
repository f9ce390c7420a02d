import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import type { CommitBackupInput, HoldfastActivities, VolumePlan } from '../../contracts/activities.ts';
import type { CapturedApplication } from '../../contracts/application.ts';
import type { BackupProjectInput, BackupProjectResult } from '../../contracts/backup.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { QuiesceResult, QuiesceTask } from '../../contracts/quiesce.ts';
import type { RestoreProjectInput, RestoreProjectResult } from '../../contracts/restore.ts';
import type { CapturedVolume, PlannedVolume, VolumeMethod } from '../../contracts/volume.ts';
import { NO_BYTES } from '../../domain/backup/sizes.ts';
import { applied, BACKUP, backupActivities, preparation, RESTORE, restoreActivities } from '../support/fake-activities.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const INPUT: BackupProjectInput = { ...BACKUP, volumes: { policy: { rules: [] }, concurrency: 4, concurrencyPerNode: 1 } };

function planned(claim: string, method: VolumeMethod, node = ''): PlannedVolume {
  const source = { kind: 'claim', namespace: 'a', claim, node } as const;
  return {
    namespace: 'a',
    claim,
    volume: `pv-${claim}`,
    storageClass: '',
    driver: '',
    capacityBytes: 1,
    accessModes: [],
    volumeMode: 'Filesystem',
    method,
    reason: 'test',
    pods: [],
    ...(method === 'file-system' ? { source } : {}),
  };
}

function capturedOf({ reason: _, source: __, pods: ___, snapshotClass: ____, isProblem: _____, ...volume }: PlannedVolume): CapturedVolume {
  const data = { kind: 'restic', snapshot: 'f'.repeat(64), files: 3, folders: 1, bytes: 10, addedBytes: 10 } as const;
  return { ...volume, data, consistency: volume.method === 'file-system' ? 'none' : 'crash', startedAt: '1', completedAt: '2' };
}

function task(name: string, more: Partial<QuiesceTask> = {}): QuiesceTask {
  return {
    id: `fake/a/${name}`,
    plugin: 'fake',
    namespace: 'a',
    application: name,
    settings: {},
    timeoutSeconds: 1,
    leaseSeconds: 8,
    onError: 'fail',
    claims: [`data-${name}`],
    guarantee: 'application',
    ...more,
  };
}

function quiesced(of: QuiesceTask, more: Partial<QuiesceResult> = {}): QuiesceResult {
  return {
    state: { task: of, state: { held: true }, quiescedAt: '1' },
    warnings: [],
    isBroken: false,
    putBack: [],
    streams: [],
    part: '',
    sizes: NO_BYTES,
    ...more,
  };
}

/** Activities that write down what they are asked for, in order. */
function world(plan: Partial<VolumePlan>, more: Partial<HoldfastActivities> = {}) {
  const told: string[] = [];
  const tell = (what: string): void => {
    told.push(what);
  };
  const commits: CommitBackupInput[] = [];
  const fakes = backupActivities();
  const activities: Partial<HoldfastActivities> = {
    ...fakes,
    planVolumes: () => Promise.resolve({ clusterUid: 'u', volumes: [], quiesce: [], warnings: [], errors: [], ...plan }),
    planBackup: (input) => {
      tell('revision');
      return fakes.planBackup!(input);
    },
    captureResources: (input) => {
      tell('resources');
      return fakes.captureResources!(input);
    },
    commitBackup: (input) => {
      commits.push(input);
      return Promise.resolve({ sequence: 7 });
    },
    takeGroupSnapshot: ({ group }) => {
      tell(`group ${group.claims.join('+')}`);
      return Promise.resolve({ snapshots: group.claims.map((claim) => ({ claim, snapshot: `of-${claim}` })), problem: '' });
    },
    takeSnapshot: ({ volume }) => {
      tell(`snapshot ${volume.claim}`);
      return Promise.resolve();
    },
    captureVolume: ({ volume }) => {
      tell(`move ${volume.claim}`);
      return Promise.resolve(capturedOf(volume));
    },
    removeTemporary: () => {
      tell('tidy');
      return Promise.resolve();
    },
    quiesceApplication: ({ task: of }) => {
      tell(`quiesce ${of.application}`);
      return Promise.resolve(quiesced(of));
    },
    holdApplication: async () => {
      const { cancellationSignal, heartbeat } = Context.current();
      while (!cancellationSignal.aborted) {
        heartbeat();
        await delay(100, undefined, { signal: cancellationSignal }).catch(() => undefined);
      }
      cancellationSignal.throwIfAborted();
    },
    releaseApplication: ({ task: of, state }) => {
      tell(`release ${of.application}${state ? '' : ' unquiesced'}`);
      return Promise.resolve(quiesced(of));
    },
    ...more,
  };
  const run = (): Promise<BackupProjectResult> =>
    env.run({ workflow: 'backupProject', input: INPUT, activities }, (handle) => handle.result() as Promise<BackupProjectResult>);
  return { told, commits, activities, run };
}

describe('a backup with volumes', () => {
  it('holds applications only for the cut: revision, snapshots and live volumes; the rest comes after the release', async () => {
    const { told, commits, run } = world({
      volumes: [planned('data-db', 'data-move'), planned('logs', 'file-system'), planned('cache', 'skip')],
      quiesce: [task('db'), task('web', { claims: ['logs'], guarantee: 'file-system' })],
    });
    const result = await run();
    expect(result).toMatchObject({ phase: 'Completed', errors: [], warnings: [] });
    expect(told).toEqual([
      'quiesce db',
      'quiesce web',
      'revision',
      'snapshot data-db',
      'move logs',
      'release web',
      'release db',
      'resources',
      'resources',
      'move data-db',
      'tidy',
    ]);
    expect(result.volumes).toMatchObject([
      { claim: 'data-db', consistency: 'application', quiescedBy: 'fake', data: { kind: 'restic' } },
      { claim: 'logs', consistency: 'file-system', quiescedBy: 'fake' },
      { claim: 'cache', method: 'skip', consistency: 'none' },
    ]);
    expect(result.volumes?.[2]?.data).toBeUndefined();
    expect(commits[0]?.result.volumes).toEqual(result.volumes);
  });

  describe('of which some are cut together', () => {
    const plan: Partial<VolumePlan> = {
      volumes: [planned('a', 'data-move'), planned('b', 'data-move'), planned('c', 'data-move')],
      groups: [{ namespace: 'a', claims: ['a', 'b'], snapshotClass: 'x' }],
    };

    it('takes those from the snapshots of the group, and cuts the others alone', async () => {
      const sources: (string | undefined)[] = [];
      const { told, run } = world(plan, {
        captureVolume: ({ volume, snapshot }) => {
          sources.push(`${volume.claim} ${snapshot ?? 'alone'}`);
          return Promise.resolve(capturedOf(volume));
        },
      });
      expect(await run()).toMatchObject({ phase: 'Completed', warnings: [] });
      expect(told.filter((what) => /^(group|snapshot)/.test(what))).toEqual(['group a+b', 'snapshot c']);
      expect(sources.sort()).toEqual(['a of-a', 'b of-b', 'c alone']);
    });

    it('cuts them alone and warns when the group cannot be cut', async () => {
      const { told, run } = world(plan, { takeGroupSnapshot: () => Promise.resolve({ snapshots: [], problem: 'no class' }) });
      expect(await run()).toMatchObject({
        phase: 'Completed',
        warnings: [{ code: 'NotCutTogether', message: 'volumes of a/a, b are not cut at one moment: no class' }],
      });
      expect(told.filter((what) => what.startsWith('snapshot')).sort()).toEqual(['snapshot a', 'snapshot b', 'snapshot c']);
    });
  });

  it('lets go of the snapshots that it kept when it ends before its commit, and keeps them from then on', async () => {
    const fates: unknown[] = [];
    const removeTemporary: HoldfastActivities['removeTemporary'] = ({ keptSnapshots }) => {
      fates.push(keptSnapshots);
      return Promise.resolve();
    };
    const plan = { volumes: [planned('a', 'csi-snapshot')] };
    await world(plan, { removeTemporary }).run();
    const failing = world(plan, { removeTemporary, verifyStored: () => Promise.reject(new HoldfastError('Damaged', 'wrong')) });
    await expect(failing.run()).rejects.toThrow();
    const uncertain = world(plan, { removeTemporary, commitBackup: () => Promise.reject(new HoldfastError('Forbidden', 'no')) });
    await expect(uncertain.run()).rejects.toThrow();
    await world({ volumes: [planned('a', 'data-move')] }, { removeTemporary }).run();
    expect(fates).toEqual(['keep', 'delete', 'keep', undefined]);
  });

  it('goes on without a volume that cannot be captured, and says so', async () => {
    const { run } = world(
      { volumes: [planned('a', 'file-system', 'n1'), planned('b', 'data-move'), planned('c', 'file-system', 'n1')] },
      {
        captureVolume: ({ volume }) =>
          volume.claim === 'a' ? Promise.reject(new HoldfastError('Forbidden', 'not yours')) : Promise.resolve(capturedOf(volume)),
        takeSnapshot: () => Promise.reject(new HoldfastError('Forbidden', 'no snapshots')),
      },
    );
    const result = await run();
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 7 });
    expect(result.errors.map(({ message }) => message).sort()).toEqual([
      'volume of claim a/a: not yours',
      'volume of claim a/b: no snapshots',
    ]);
    expect(result.volumes?.map(({ claim, data }) => [claim, data !== undefined])).toEqual([
      ['a', false],
      ['b', false],
      ['c', true],
    ]);
  });

  it('names the files that could not be read, and keeps the rest', async () => {
    const { run } = world(
      { volumes: [planned('a', 'file-system')] },
      {
        captureVolume: ({ volume }) => {
          const captured = capturedOf(volume);
          if (captured.data?.kind !== 'restic') throw new Error('not moved');
          return Promise.resolve({ ...captured, data: { ...captured.data, unread: { count: 2, examples: ['x', 'y'] } } });
        },
      },
    );
    const result = await run();
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [{ message: 'volume of claim a/a: 2 files could not be read: x, y' }],
    });
    expect(result.volumes?.[0]?.data).toBeDefined();
  });

  it('reads no more volumes of one node at a time than it may', async () => {
    const reading = new Map<string, number>();
    let [most, all, together] = [0, 0, 0];
    const volumes = ['n1', 'n1', 'n1', 'n2', 'n2'].map((node, index) => planned(`v${index}`, 'file-system', node));
    const { run } = world(
      { volumes },
      {
        captureVolume: async ({ volume }) => {
          const node = volume.source?.kind === 'claim' ? volume.source.node : '';
          reading.set(node, (reading.get(node) ?? 0) + 1);
          all += 1;
          most = Math.max(most, ...reading.values());
          together = Math.max(together, all);
          await delay(150);
          reading.set(node, (reading.get(node) ?? 0) - 1);
          all -= 1;
          return capturedOf(volume);
        },
      },
    );
    expect((await run()).volumes).toHaveLength(5);
    expect([most, together]).toEqual([1, 2]);
  });

  it('captures everything but the application that cannot be quiesced, and releases what it was quiescing', async () => {
    const { told, run } = world(
      {
        volumes: [
          planned('logs', 'file-system'),
          planned('data-bad', 'file-system'),
          planned('more-bad', 'data-move'),
          planned('data-db', 'data-move'),
        ],
        quiesce: [task('bad', { claims: ['data-bad', 'more-bad'] }), task('db')],
        groups: [{ namespace: 'a', claims: ['more-bad', 'data-db'], snapshotClass: 'g' }],
      },
      {
        quiesceApplication: ({ task: of }) =>
          of.application === 'bad' ? Promise.reject(new HoldfastError('Conflict', 'will not')) : Promise.resolve(quiesced(of)),
      },
    );
    const result = await run();
    expect(result).toMatchObject({ phase: 'PartiallyFailed', sequence: 7 });
    expect(result.errors.map(({ message }) => message)).toEqual([
      'fake of a/bad is not captured, because it could not be quiesced: will not',
      'volume of claim a/data-bad: fake of bad could not quiesce it',
      'volume of claim a/more-bad: fake of bad could not quiesce it',
    ]);
    expect(result.volumes?.map(({ claim, data }) => [claim, data !== undefined])).toEqual([
      ['logs', true],
      ['data-bad', false],
      ['more-bad', false],
      ['data-db', true],
    ]);
    expect(told).toContain('release bad unquiesced');
    expect(told).toContain('snapshot data-db');
    expect(told.join()).not.toMatch(/(snapshot|move) (data|more)-bad/);
  });

  it('captures what cannot be quiesced, and is partly failed then, where nothing else is said', async () => {
    const { run } = world(
      { volumes: [planned('data-bad', 'file-system')], quiesce: [task('bad', { onError: 'report' })] },
      { quiesceApplication: () => Promise.reject(new HoldfastError('Conflict', 'will not')) },
    );
    const result = await run();
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [{ code: 'NotQuiesced', message: 'fake of a/bad is captured without being quiesced: will not' }],
    });
    expect(result.volumes?.[0]).toMatchObject({ consistency: 'none', data: { kind: 'restic' } });
  });

  it('captures all the same where the application allows it, and promises nothing then', async () => {
    const { told, run } = world(
      { volumes: [planned('data-bad', 'file-system')], quiesce: [task('bad', { onError: 'continue' })] },
      { quiesceApplication: () => Promise.reject(new HoldfastError('Conflict', 'will not')) },
    );
    const result = await run();
    expect(result).toMatchObject({ phase: 'Completed', warnings: [{ code: 'NotQuiesced', message: expect.stringContaining('will not') }] });
    expect(result.volumes?.[0]).toMatchObject({ consistency: 'none' });
    expect(told).toContain('release bad unquiesced');
  });

  it.each([
    ['the lease is lost', { holdApplication: () => Promise.reject(new HoldfastError('Conflict', 'somebody else thawed it')) }, /thawed/],
    [
      'the release finds that it was not held',
      { releaseApplication: ({ task: of }: { task: QuiesceTask }) => Promise.resolve(quiesced(of, { isBroken: true })) },
      undefined,
    ],
  ])('promises nothing when %s', async (_what, more, warned) => {
    const slow = async ({ volume }: { volume: PlannedVolume }) => {
      await delay(500);
      return capturedOf(volume);
    };
    const { run } = world(
      { volumes: [planned('data-db', 'file-system')], quiesce: [task('db')] },
      {
        ...more,
        captureVolume: slow,
      },
    );
    const result = await run();
    expect(result.phase).toBe('Completed');
    expect(result.volumes?.[0]).toMatchObject({ consistency: 'none' });
    expect(result.volumes?.[0]?.quiescedBy).toBeUndefined();
    if (warned) expect(result.warnings.map(({ message }) => message).join()).toMatch(warned);
  });

  it('keeps what a plugin hands over, with the volume that needs it', async () => {
    const stream = { name: 'wal.tar', id: 'a'.repeat(64), bytes: 5 };
    const label = { kind: 'file', claim: 'data-db', path: 'backup_label', content: 'x' } as const;
    const wal = { kind: 'tar', claim: 'data-db', path: 'pg_wal', stream: 'wal.tar' } as const;
    const { commits, run } = world(
      { volumes: [planned('data-db', 'file-system'), planned('other', 'file-system')], quiesce: [task('db')] },
      {
        releaseApplication: ({ task: of }) =>
          Promise.resolve(
            quiesced(of, { putBack: [label, wal], streams: [stream], part: 'part-of-streams', sizes: { ...NO_BYTES, stored: 9 } }),
          ),
      },
    );
    const result = await run();
    expect(result.volumes?.[0]).toMatchObject({ putBack: [label, wal], streams: [stream] });
    expect(result.volumes?.[1]?.putBack).toBeUndefined();
    expect(commits[0]?.parts).toContain('part-of-streams');
    expect(commits[0]?.result.sizes.stored).toBeGreaterThanOrEqual(9);
  });

  it('writes down what became of each application, and where the content of claims without files is', async () => {
    const stream = { name: 'shop.dump', id: 'b'.repeat(64), bytes: 7 };
    const { commits, run } = world(
      {
        volumes: [planned('data-db', 'skip'), planned('logs', 'file-system')],
        quiesce: [task('db', { claims: [], replaces: ['data-db'] }), task('web')],
      },
      {
        quiesceApplication: ({ task: of }) =>
          Promise.resolve(quiesced(of, of.application === 'db' ? { streams: [stream], part: 'p' } : { isBroken: true })),
        releaseApplication: ({ task: of }) =>
          Promise.resolve(quiesced(of, { state: { task: of, state: { freed: true }, quiescedAt: 'not asked' } })),
      },
    );
    const result = await run();
    expect(result.phase).toBe('Completed');
    expect(result.volumes?.[0]).toMatchObject({ claim: 'data-db', method: 'skip', consistency: 'application', quiescedBy: 'fake' });
    expect(result.applications).toMatchObject([
      { task: { application: 'db' }, state: { freed: true }, consistency: 'application', streams: [stream], quiescedAt: '1' },
      { task: { application: 'web' }, consistency: 'none', streams: [] },
    ]);
    expect(result.applications?.[0]?.releasedAt).toMatch(/^20\d\d-/);
    expect(commits[0]?.result.applications).toEqual(result.applications);
  });

  it.each([
    ['could not be quiesced', { quiesceApplication: () => Promise.reject(new HoldfastError('Conflict', 'will not')) }],
    ['did not hold', { releaseApplication: ({ task: of }: { task: QuiesceTask }) => Promise.resolve(quiesced(of, { isBroken: true })) }],
  ])('says that nothing of a claim is there when what takes the place of its files %s', async (_what, more) => {
    const replacing = task('db', { claims: [], replaces: ['data-db'], onError: 'continue' });
    const result = await world({ volumes: [planned('data-db', 'skip')], quiesce: [replacing] }, more).run();
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [{ code: 'VolumeNotCaptured', message: expect.stringContaining('volume of claim a/data-db') }],
    });
    expect(result.volumes?.[0]).toMatchObject({ consistency: 'none' });
  });

  it('releases and tidies up when it is cancelled', async () => {
    let began: () => void = () => undefined;
    const moving = new Promise<void>((resolve) => (began = resolve));
    const { told, activities } = world(
      { volumes: [planned('data-db', 'file-system')], quiesce: [task('db')] },
      {
        captureVolume: async () => {
          began();
          const { cancellationSignal, heartbeat } = Context.current();
          while (!cancellationSignal.aborted) {
            heartbeat();
            await delay(50);
          }
          throw cancellationSignal.reason as Error;
        },
      },
    );
    const ended = env.run({ workflow: 'backupProject', input: INPUT, activities }, async (handle) => {
      await moving;
      await handle.cancel();
      await handle.result();
    });
    await expect(ended).rejects.toThrow();
    expect(told.slice(-2)).toEqual(['release db', 'tidy']);
  }, 60_000);
});

describe('a restore with volumes', () => {
  const volumes = [planned('a', 'file-system'), planned('b', 'file-system')].map(capturedOf);
  const kept: CapturedVolume = {
    ...capturedOf(planned('c', 'csi-snapshot')),
    data: { kind: 'csi', driver: 'd', handle: 'h', snapshotClass: 's', restoreBytes: 5 },
  };
  const input: RestoreProjectInput = {
    ...RESTORE,
    options: { ...RESTORE.options, volumes: { inPlace: false, checksum: false, concurrency: 2 } },
  };

  function restore(more: Partial<HoldfastActivities>): Promise<RestoreProjectResult> {
    return env.run(
      { workflow: 'restoreProject', input, activities: restoreActivities(more) },
      (handle) => handle.result() as Promise<RestoreProjectResult>,
    );
  }

  it('offers snapshots before the claims, fills volumes before the workloads, and awaits snapshots after them', async () => {
    const told: string[] = [];
    const batches = [2, 5, 8, 9].map((wave, from) => ({ wave, from, segments: 1, objects: 1 }));
    const result = await restore({
      prepareRestore: () => Promise.resolve(preparation(batches, { volumes: [...volumes, kept] })),
      applyBatch: ({ batch }) => {
        told.push(`wave ${batch.wave}`);
        return Promise.resolve(applied(batch.objects));
      },
      offerSnapshot: ({ volume }) => {
        told.push(`offer ${volume.claim}`);
        return Promise.resolve();
      },
      restoreVolume: ({ volume }) => {
        told.push('fill');
        return Promise.resolve({ namespace: 'a', claim: volume.claim, outcome: 'restored', reason: '', files: 1, bytes: 2 });
      },
    });
    expect(told).toEqual(['wave 2', 'offer c', 'wave 5', 'fill', 'fill', 'wave 8', 'wave 9', 'fill']);
    expect(result).toMatchObject({ phase: 'Completed', volumes: [{ claim: 'a' }, { claim: 'b' }, { claim: 'c' }] });
  });

  it('ends partly failed when data could not be restored, and warns about data that was left', async () => {
    const batches = [{ wave: 5, from: 0, segments: 1, objects: 1 }];
    const result = await restore({
      prepareRestore: () => Promise.resolve(preparation(batches, { volumes })),
      restoreVolume: ({ volume: { claim } }) =>
        claim === 'a'
          ? Promise.reject(new HoldfastError('BadInput', 'wrong password'))
          : Promise.resolve({ namespace: 'a', claim, outcome: 'left', reason: 'it is there', files: 0, bytes: 0 }),
    });
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [{ code: 'VolumeNotRestored', message: 'volume of claim a/a: wrong password' }],
      warnings: [{ code: 'VolumeLeft', message: 'volume of claim a/b: it is there' }],
      volumes: [{ outcome: 'failed' }, { outcome: 'left' }],
    });
  });

  it('brings applications back when the workloads are there; one that fails is an error, and one that is left a warning', async () => {
    const told: string[] = [];
    const application = (name: string): CapturedApplication => {
      return { task: task(name), state: {}, consistency: 'application', streams: [], quiescedAt: '1', releasedAt: '2' };
    };
    const batches = [{ wave: 9, from: 0, segments: 1, objects: 1 }];
    const recovered = (name: string) => ({ plugin: 'fake', namespace: 'a', application: name, reason: '', warnings: [] });
    const result = await restore({
      prepareRestore: () => Promise.resolve(preparation(batches, { volumes: [], applications: ['good', 'bad', 'used'].map(application) })),
      applyBatch: ({ batch }) => {
        told.push(`wave ${batch.wave}`);
        return Promise.resolve(applied(batch.objects));
      },
      recoverApplication: ({ application: { task: of }, runId }) => {
        told.push(of.application);
        expect(runId).not.toBe('');
        if (of.application === 'bad') return Promise.reject(new HoldfastError('Conflict', 'fake of a/bad: its pod does not run'));
        if (of.application === 'used') return Promise.resolve({ ...recovered('used'), outcome: 'left', reason: 'somebody uses it' });
        return Promise.resolve({ ...recovered('good'), outcome: 'recovered', warnings: [{ code: 'Odd', message: 'look at it' }] });
      },
    });
    expect(told[0]).toBe('wave 9');
    expect(told.slice(1).sort()).toEqual(['bad', 'good', 'used']);
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      errors: [{ code: 'ApplicationNotRecovered', message: 'fake of a/bad: its pod does not run' }],
      applications: [
        { application: 'bad', outcome: 'failed', reason: 'fake of a/bad: its pod does not run' },
        { application: 'good', outcome: 'recovered', reason: '' },
        { application: 'used', outcome: 'left', reason: 'somebody uses it' },
      ],
    });
    expect(result.applications?.[1]).not.toHaveProperty('warnings');
    expect(result.warnings.map(({ message }) => message).sort()).toEqual(['fake of a/used: somebody uses it', 'look at it']);
  });
});
