import type {
  ApplyBatchResult,
  BackupPlan,
  CaptureResult,
  HoldfastActivities,
  RestoreBatch,
  RestorePreparation,
} from '../../contracts/activities.ts';
import type { BackupProjectInput } from '../../contracts/backup.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { CopyBatchResult, CopyRepositoryInput } from '../../contracts/copy.ts';
import type { RunScheduleInput } from '../../contracts/schedule.ts';
import type { RestoreProjectInput } from '../../contracts/restore.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { nextStage, NOTHING_COPIED } from '../../domain/copy/totals.ts';
import { emptyCounts } from '../../domain/plan/outcome.ts';
import { NOTHING_COMPARED } from '../../domain/restore/reports.ts';

export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
export const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };

export const BACKUP: BackupProjectInput = { name: 'b', cluster: 'c', location: 'l', selection: SELECT_ALL };

export const RESTORE: RestoreProjectInput = {
  name: 'r',
  backup: 'b',
  cluster: 'c',
  location: 'l',
  options: {
    selection: SELECT_ALL,
    namespaceMapping: {},
    conflictPolicy: 'skip',
    includeControlled: false,
    preserveNodePorts: false,
    allow: [],
    readinessTimeoutMs: 1_000,
  },
};

export function cursor(...types: ResourceType[]): BackupPlan['tasks'][number] {
  return { types, listNamespaces: [''], namespaceIndex: 0, continueToken: '', fallbackReason: '' };
}

export function plan(more: Partial<BackupPlan> = {}): BackupPlan {
  return {
    cluster: { name: 'c', uid: 'u', version: 'v1.37.2' },
    selection: SELECT_ALL,
    revision: '100',
    namespaces: ['a'],
    tasks: [cursor(CONFIG_MAPS), cursor(SECRETS)],
    followReferences: false,
    afterwards: { lockDays: 0, copyTo: [] },
    warnings: [],
    errors: [],
    ...more,
  };
}

/** What a capture of some objects of one kind returns. */
export function captured(type: ResourceType, count: number, more: Partial<CaptureResult> = {}): CaptureResult {
  return {
    part: `part-${type.resource}-${count}`,
    kinds: [{ type, count, bytes: count * 100, revision: '100' }],
    sizes: { read: count * 100, stored: count * 10, newSegments: 1, knownSegments: 0 },
    warnings: [],
    errors: [],
    ...more,
  };
}

/** Activities of a backup in which everything goes well: one object of each kind a batch. */
export function backupActivities(more: Partial<HoldfastActivities> = {}): Partial<HoldfastActivities> {
  return {
    planBackup: () => Promise.resolve(plan()),
    captureResources: ({ cursor: { types } }) => Promise.resolve(captured(types[0] ?? CONFIG_MAPS, 1)),
    captureRelated: () => Promise.resolve(captured(CONFIG_MAPS, 0, { part: '', kinds: [] })),
    verifyStored: () => Promise.resolve({ segments: 1, packs: 1, objects: 1 }),
    commitBackup: () => Promise.resolve({ sequence: 7 }),
    ...more,
  };
}

export const COPY: CopyRepositoryInput = { from: 'l', to: 'elsewhere' };

/** What one batch of a copy returns. */
export function copied(objects: number, more: Partial<CopyBatchResult> = {}): CopyBatchResult {
  return { totals: { ...NOTHING_COPIED, copied: objects, bytes: objects * 1_000 }, errors: [], ...more };
}

/** Activities of a copy of one batch for each stage. */
export function copyActivities(more: Partial<HoldfastActivities> = {}): Partial<HoldfastActivities> {
  return {
    planCopy: () => Promise.resolve({ throughSequence: 3 }),
    copyBatch: ({ cursor: at }) => {
      const next = nextStage(at);
      return Promise.resolve(copied(1, next ? { next } : {}));
    },
    ...more,
  };
}

export const SCHEDULED: RunScheduleInput = {
  schedule: 'nightly',
  cluster: 'c',
  location: 'l',
  action: { type: 'backup', selection: SELECT_ALL, labels: { team: 'shop' }, retention: { keepLast: 2 } },
  attempts: 3,
  retryAfterSeconds: 1,
};

/** Activities of one turn of a schedule in which everything goes well. */
export function scheduleActivities(more: Partial<HoldfastActivities> = {}): Partial<HoldfastActivities> {
  return {
    ...backupActivities(),
    pruneBackups: () => Promise.resolve(['nightly-1']),
    checkRepository: () => Promise.resolve({ errors: [], warnings: [], packs: 3, packsRead: 1 }),
    ...more,
  };
}

export function preparation(batches: readonly RestoreBatch[], more: Partial<RestorePreparation> = {}): RestorePreparation {
  const waves = [...new Set(batches.map(({ wave }) => wave))].sort((a, b) => a - b);
  return {
    sequence: 1,
    batches,
    waves: waves.map((wave) => ({ wave, title: `wave ${wave}`, awaits: 'nothing' })),
    objectCount: batches.reduce((sum, { objects }) => sum + objects, 0),
    serverTime: '2026-11-22T00:00:00.000Z',
    warnings: [],
    ...more,
  };
}

export function applied(create: number, more: Partial<ApplyBatchResult> = {}): ApplyBatchResult {
  return { counts: { ...emptyCounts(), create }, failed: 0, unlinked: 0, warnings: [], errors: [], ...more };
}

/** Activities of a restore of two waves in which everything goes well. */
export function restoreActivities(more: Partial<HoldfastActivities> = {}): Partial<HoldfastActivities> {
  const batches = [
    { wave: 1, from: 0, segments: 1, objects: 2 },
    { wave: 2, from: 1, segments: 1, objects: 3 },
  ];
  return {
    prepareRestore: () => Promise.resolve(preparation(batches)),
    applyBatch: ({ batch }) => Promise.resolve(applied(batch.objects)),
    awaitReady: () => Promise.resolve([]),
    relinkOwners: () => Promise.resolve(applied(0)),
    verifyRestored: ({ batches: verified }) =>
      Promise.resolve({ ...NOTHING_COMPARED, compared: verified.reduce((sum, { objects }) => sum + objects, 0) }),
    recordRestore: () => Promise.resolve(),
    ...more,
  };
}
