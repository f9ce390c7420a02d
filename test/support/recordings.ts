import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { HoldfastError } from '../../contracts/failures.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { NOTHING_COPIED } from '../../domain/copy/totals.ts';
import { NOTHING_COMPARED } from '../../domain/restore/reports.ts';
import {
  applied,
  BACKUP,
  backupActivities,
  captured,
  COPY,
  copyActivities,
  SCHEDULED,
  scheduleActivities,
  CONFIG_MAPS,
  preparation,
  RESTORE,
  restoreActivities,
  plan,
  cursor,
  SECRETS,
} from './fake-activities.ts';
import { clusterStateActivities, SYNCED } from './fake-cluster-state.ts';
import { RELEASES, restoreReleasesActivities } from './fake-releases.ts';
import type { RunRequest } from './workflow-env.ts';

/** One path through one workflow, to be recorded and replayed for ever. */
export interface Recording extends RunRequest {
  readonly path: string;
  readonly during: (handle: WorkflowHandleWithFirstExecutionRunId) => Promise<void>;
}

export function recordings(): readonly Recording[] {
  return [...backups(), ...restores(), ...copies(), ...schedules(), ...clusterState()];
}

function backups(): readonly Recording[] {
  const base = { workflow: 'backupProject', input: BACKUP } as const;
  const started = Promise.withResolvers<undefined>();
  return [
    { ...base, path: 'completed', activities: backupActivities(), during: ended },
    {
      ...base,
      path: 'batches-and-related',
      activities: backupActivities({
        planBackup: () => Promise.resolve(plan({ followReferences: true, tasks: [cursor(CONFIG_MAPS), cursor(SECRETS)] })),
        captureResources: ({ cursor: at }) =>
          Promise.resolve(captured(at.types[0] ?? CONFIG_MAPS, 5, at.continueToken === '' ? { next: { ...at, continueToken: '2' } } : {})),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'partially-failed',
      activities: backupActivities({
        captureResources: ({ cursor: { types } }) =>
          types[0]?.resource === 'secrets'
            ? Promise.reject(new HoldfastError('Forbidden', 'forbidden'))
            : Promise.resolve(captured(CONFIG_MAPS, 1)),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'locked-and-copied',
      activities: {
        ...copyActivities(),
        ...backupActivities({
          planBackup: () => Promise.resolve(plan({ afterwards: { lockDays: 30, copyTo: ['elsewhere'] } })),
          lockBackup: () => Promise.resolve(),
        }),
      },
      during: ended,
    },
    {
      ...base,
      path: 'failed-to-plan',
      activities: backupActivities({ planBackup: () => Promise.reject(new HoldfastError('BadInput', 'no such kind')) }),
      during: ended,
    },
    {
      ...base,
      path: 'cancelled',
      activities: backupActivities({
        captureResources: async () => {
          started.resolve(undefined);
          Context.current().heartbeat();
          await Context.current().sleep('1h');
          return captured(CONFIG_MAPS, 1);
        },
      }),
      during: async (handle) => {
        await started.promise;
        await handle.cancel();
        await ended(handle);
      },
    },
  ];
}

function clusterState(): readonly Recording[] {
  const refused = () => Promise.reject(new HoldfastError('Forbidden', 'refused'));
  const etcd = { name: 'b', cluster: 'c', location: 'l' };
  const sync = { cluster: 'c', remote: 'r', selection: SELECT_ALL, source: { live: true } } as const;
  const commit = { remote: 'r', commit: 'HEAD', location: 'l', cluster: 'c' };
  const everything = { ...BACKUP, etcd: {}, helm: { pushTo: [] }, git: ['r'] };
  const all = { ...backupActivities(), ...clusterStateActivities() };
  return [
    { workflow: 'backupProject', path: 'with-cluster-state', input: everything, activities: all, during: ended },
    {
      workflow: 'backupProject',
      path: 'without-cluster-state',
      input: everything,
      activities: { ...all, captureEtcd: refused, exportCharts: refused, syncToGit: refused },
      during: ended,
    },
    { workflow: 'backupEtcd', path: 'completed', input: etcd, activities: all, during: ended },
    { workflow: 'backupEtcd', path: 'refused', input: etcd, activities: { ...all, captureEtcd: refused }, during: ended },
    { workflow: 'syncGit', path: 'completed', input: sync, activities: all, during: ended },
    { workflow: 'syncGit', path: 'refused', input: sync, activities: { ...all, syncToGit: refused }, during: ended },
    { workflow: 'restoreReleases', path: 'completed', input: RELEASES, activities: restoreReleasesActivities(), during: ended },
    {
      workflow: 'restoreReleases',
      path: 'partially-failed',
      input: RELEASES,
      activities: {
        ...restoreReleasesActivities(),
        installRelease: ({ release }) =>
          release.name === 'web' ? refused() : restoreReleasesActivities().installRelease({ release, restore: RELEASES }),
      },
      during: ended,
    },
    { workflow: 'importCommit', path: 'completed', input: commit, activities: all, during: ended },
    { workflow: 'importCommit', path: 'refused', input: commit, activities: { ...all, importCommit: refused }, during: ended },
  ];
}

function restores(): readonly Recording[] {
  const base = { workflow: 'restoreProject', input: RESTORE } as const;
  const waves = [
    { wave: 1, title: 'definitions', awaits: 'crds-established' },
    { wave: 2, title: 'the rest', awaits: 'nothing' },
  ] as const;
  const batches = Array.from({ length: 5 }, (_, index) => ({ wave: index < 1 ? 1 : 2, from: index, segments: 1, objects: 400 }));
  const guarded = [...batches, { wave: 12, from: batches.length, segments: 1, objects: 2 }];
  return [
    { ...base, path: 'completed', activities: restoreActivities(), during: ended },
    {
      ...base,
      path: 'waits-and-relinks',
      activities: restoreActivities({
        prepareRestore: () => Promise.resolve(preparation(batches, { waves })),
        applyBatch: ({ batch }) => Promise.resolve(applied(batch.objects, { unlinked: 1 })),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'guards-last',
      activities: restoreActivities({
        prepareRestore: () =>
          Promise.resolve(preparation(guarded, { waves: [...waves, { wave: 12, title: 'webhooks', awaits: 'nothing' }] })),
        applyBatch: ({ batch }) => Promise.resolve(applied(batch.objects, { unlinked: 1 })),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'partially-failed',
      activities: restoreActivities({
        applyBatch: ({ batch }) =>
          batch.wave === 1 ? Promise.reject(new HoldfastError('Damaged', 'damaged')) : Promise.resolve(applied(1)),
        verifyRestored: () => Promise.resolve({ ...NOTHING_COMPARED, equal: false, compared: 1, differenceCount: 1 }),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'refused',
      activities: restoreActivities({ prepareRestore: () => Promise.reject(new HoldfastError('Conflict', '2 objects differ')) }),
      during: ended,
    },
  ];
}

function copies(): readonly Recording[] {
  const base = { workflow: 'copyRepository', input: COPY } as const;
  return [
    { ...base, path: 'completed', activities: copyActivities(), during: ended },
    {
      ...base,
      path: 'partially-failed',
      activities: copyActivities({
        copyBatch: () =>
          Promise.resolve({
            totals: { ...NOTHING_COPIED, failed: 1 },
            errors: [{ code: 'CopySourceDamaged', message: 'a pack is damaged' }],
          }),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'refused',
      activities: copyActivities({ planCopy: () => Promise.reject(new HoldfastError('Conflict', 'it is not a copy')) }),
      during: ended,
    },
  ];
}

function schedules(): readonly Recording[] {
  const base = { workflow: 'runSchedule', input: SCHEDULED } as const;
  let attempts = 0;
  return [
    { ...base, path: 'completed', activities: scheduleActivities(), during: ended },
    {
      ...base,
      path: 'second-attempt',
      activities: scheduleActivities({
        planBackup: () => (++attempts === 1 ? Promise.reject(new HoldfastError('Forbidden', 'forbidden')) : Promise.resolve(plan())),
      }),
      during: ended,
    },
    {
      ...base,
      path: 'syncs-git',
      input: { ...SCHEDULED, location: '', action: { type: 'git', remotes: ['refused', 'state'], selection: SELECT_ALL } },
      activities: {
        syncToGit: ({ remote }) =>
          remote === 'refused'
            ? Promise.reject(new HoldfastError('BadInput', 'not configured'))
            : Promise.resolve({ ...SYNCED, remote, warnings: [], errors: [] }),
      },
      during: ended,
    },
    {
      ...base,
      path: 'check-found-damage',
      input: { ...SCHEDULED, action: { type: 'check', readShare: 0.1 } },
      activities: scheduleActivities({
        checkRepository: () =>
          Promise.resolve({ errors: [{ code: 'PackMissing', message: 'a pack is gone' }], warnings: [], packs: 3, packsRead: 1 }),
      }),
      during: ended,
    },
  ];
}

/** How it ends does not matter here; that it ends does. */
async function ended(handle: WorkflowHandleWithFirstExecutionRunId): Promise<void> {
  await handle.result().catch(() => undefined);
}
