import type { RestorePreparation } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { ObjectId } from '../../contracts/resource.ts';
import { ConflictPolicy, RestoreAction, type RestoreProjectInput } from '../../contracts/restore.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { mappingProblems } from '../../domain/plan/mapping.ts';
import { objectRef, resourceKey } from '../../domain/resource/identity.ts';
import { batches, wavesOf } from '../../domain/resource/order.ts';
import { validateSelection } from '../../domain/selection/validate-selection.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { BackupEntry } from '../../repository/chain-entries.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { previewRestore } from '../preview/preview-restore.ts';
import { openSession, readObjects, type RestoreSession } from './restore-session.ts';

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
export async function prepareRestore(work: RestoreWork, pulse: Pick<Pulse, 'beat' | 'signal'>): Promise<RestorePreparation> {
  const { session, entry } = await openNamed(work);
  const { serverTime } = await work.cluster.now({ signal: pulse.signal });
  if (work.restore.options.conflictPolicy === ConflictPolicy.Fail) await refuseConflicts(session, pulse);
  const { ordered } = session;
  return {
    sequence: entry.sequence,
    batches: batches(ordered, { maxObjects: BATCH_OBJECTS }),
    waves: wavesOf(ordered),
    objectCount: ordered.reduce((sum, { count }) => sum + count, 0),
    serverTime,
    warnings: [],
    ...(work.restore.options.volumes === undefined ? {} : { volumes: await selectedVolumes(session, entry.manifest) }),
    ...(session.lostParts.length === 0 ? {} : { errors: session.errors, lostParts: session.lostParts }),
  };
}

/** The captured volumes whose claims the restore takes. */
async function selectedVolumes(session: RestoreSession, { volumes = [] }: BackupManifest): Promise<readonly CapturedVolume[]> {
  if (volumes.length === 0) return [];
  const taken = new Set<string>();
  const segments = session.ordered.filter(({ type }) => resourceKey(type) === 'persistentvolumeclaims');
  for await (const objects of readObjects(session.repository, segments)) {
    for (const { object, type } of objects) {
      const { namespace, name } = objectRef(object, type);
      if (session.context.selection.takes(object, type)) taken.add(`${namespace}/${name}`);
    }
  }
  // A claim that had no volume yet had no data either.
  return volumes.filter(({ namespace, claim, volume }) => volume !== '' && taken.has(`${namespace}/${claim}`));
}

/** The restore of a backup by its name, checked for what can be seen without a cluster. */
export async function openNamed(work: RestoreWork): Promise<{ readonly session: RestoreSession; readonly entry: BackupEntry }> {
  const { options, backup } = work.restore;
  const problems = [...validateSelection(options.selection), ...mappingProblems(options.namespaceMapping)];
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
  const entry = await work.repository.findBackup(backup);
  return { session: await openSession({ ...work, manifest: entry.manifest, lostParts: undefined }), entry };
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
