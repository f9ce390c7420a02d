import type { RestorePreparation } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ObjectId } from '../../contracts/resource.ts';
import { ConflictPolicy, RestoreAction, type RestoreProjectInput } from '../../contracts/restore.ts';
import { mappingProblems } from '../../domain/plan/mapping.ts';
import { storageProblems } from '../../domain/plan/storage-mapping.ts';
import { batches, wavesOf } from '../../domain/resource/order.ts';
import { validateSelection } from '../../domain/selection/validate-selection.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { BackupEntry } from '../../repository/chain-entries.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Plugins } from '../../plugins/plugin.ts';
import type { Pulse } from '../heartbeat.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { previewRestore } from '../preview/preview-restore.ts';
import { capturedData, checkPluginOptions } from './captured-data.ts';
import { checkStorage } from './check-storage.ts';
import { openSession, type RestoreSession } from './restore-session.ts';

/** Objects of one apply activity. */
const BATCH_OBJECTS = 500;
/** Conflicts that a refusal lists. */
const LISTED_CONFLICTS = 10;

export interface RestoreWork {
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly restore: RestoreProjectInput;
}

/** Orders the backup into waves and batches. With policy `fail` it looks at every object first and refuses the restore when one differs. */
export async function prepareRestore(
  work: RestoreWork & { readonly plugins: Plugins },
  pulse: Pick<Pulse, 'beat' | 'signal'>,
): Promise<RestorePreparation> {
  checkPluginOptions(work.restore.options, work.plugins);
  const { session, entry } = await openNamed(work, pulse.signal);
  const { serverTime } = await work.cluster.now({ signal: pulse.signal });
  if (work.restore.options.conflictPolicy === ConflictPolicy.Fail) await refuseConflicts(session, pulse);
  const { ordered } = session;
  const { targets: hooks, hasInitContainers } = await planHooks(session, pulse);
  return {
    sequence: entry.sequence,
    batches: batches(ordered, { maxObjects: BATCH_OBJECTS }),
    waves: wavesOf(ordered),
    objectCount: ordered.reduce((sum, { count }) => sum + count, 0),
    serverTime,
    warnings: [],
    ...(await capturedData(session, entry.manifest, work.plugins)),
    ...(hooks.length === 0 ? {} : { hooks }),
    ...(hasInitContainers ? { hasInitContainers } : {}),
    ...(session.lostParts.length === 0 ? {} : { errors: session.errors, lostParts: session.lostParts }),
  };
}

/** The restore of a backup by its name. `BadInput` when what was asked for cannot be done. */
export async function openNamed(
  work: RestoreWork,
  signal: AbortSignal,
): Promise<{ readonly session: RestoreSession; readonly entry: BackupEntry }> {
  const { options, backup } = work.restore;
  const problems = [...validateSelection(options.selection), ...mappingProblems(options.namespaceMapping), ...storageProblems(options)];
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
  const entry = await work.repository.findBackup(backup);
  const session = await openSession({ ...work, manifest: entry.manifest, lostParts: undefined });
  await checkStorage(session, entry.manifest, signal);
  return { session, entry };
}

async function refuseConflicts(session: RestoreSession, pulse: Pick<Pulse, 'beat' | 'signal'>): Promise<void> {
  const conflicts: ObjectId[] = [];
  for await (const planned of previewRestore(session, pulse.signal)) {
    pulse.beat();
    if (planned.action === RestoreAction.Conflict) conflicts.push(planned.object);
  }
  if (conflicts.length === 0) return;
  const listed = conflicts
    .slice(0, LISTED_CONFLICTS)
    .map(({ kind, namespace, name }) => `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`);
  const rest = conflicts.length - listed.length;
  throw new HoldfastError(
    FailureType.Conflict,
    `${conflicts.length} objects are in the cluster and differ from the backup: ${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`,
    { advice: 'nothing was written; choose --existing skip, update or replace, or see `holdfast restore plan`' },
  );
}
