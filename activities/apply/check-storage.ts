import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { RestoreAction } from '../../contracts/restore.ts';
import { planObject } from '../../domain/plan/restore-plan.ts';
import { objectAt, textAt } from '../../domain/resource/fields.ts';
import { objectRef, resourceKey } from '../../domain/resource/identity.ts';
import { parseQuantity } from '../../domain/resource/quantity.ts';
import { PERSISTENT_VOLUMES, STORAGE_CLASSES } from '../capture/builtin-types.ts';
import { mountProblems } from './check-mounts.ts';
import { readObjects, type RestoreSession } from './restore-session.ts';

/** Refuses a restore onto storage that cannot hold what was captured, before anything is written. `BadInput` says why. */
export async function checkStorage(session: RestoreSession, manifest: BackupManifest, signal: AbortSignal): Promise<void> {
  const problems = [
    ...sizeProblems(session, manifest),
    ...(await classProblems(session, signal)),
    ...(await placeProblems(session, manifest, signal)),
  ];
  if (problems.length > 0) {
    throw new HoldfastError(FailureType.BadInput, problems.join('; '), {
      advice: 'nothing was written; see `kubectl get storageclass,csinode`, --storage-class-mapping and docs/runbooks/cluster-is-gone.md',
    });
  }
}

function sizeProblems({ restore }: RestoreSession, { volumes }: BackupManifest): readonly string[] {
  return Object.entries(restore.options.volumeSizes ?? {}).flatMap(([claim, size]) => {
    const captured = volumes?.find((volume) => `${volume.namespace}/${volume.claim}` === claim);
    // A backup without volumes does not say which claims it has; a size for one that it lacks then does nothing.
    if (!captured) return volumes ? [`volume size of ${claim}: the backup has no such claim`] : [];
    const needed = captured.data?.kind === 'csi' ? captured.data.restoreBytes : (captured.data?.bytes ?? 0);
    return (parseQuantity(size) ?? 0) >= needed ? [] : [`volume size of ${claim}: ${size} is less than the ${needed} bytes that it holds`];
  });
}

async function classProblems(session: RestoreSession, signal: AbortSignal): Promise<readonly string[]> {
  const wanted = [...new Set(Object.values(session.restore.options.storageClassMapping ?? {}))];
  if (wanted.length === 0) return [];
  const coming = await capturedClasses(session, signal);
  const problems: string[] = [];
  for (const name of wanted) {
    if (!coming.has(name) && !(await isLive(session, name, signal)))
      problems.push(`storage class "${name}" is neither in the cluster nor in this restore`);
  }
  return problems;
}

/** Volumes that would be filled, and that nothing in this cluster can mount. */
async function placeProblems(session: RestoreSession, { volumes = [] }: BackupManifest, signal: AbortSignal): Promise<readonly string[]> {
  const { cluster, context, restore } = session;
  const { storageClassMapping = {} } = restore.options;
  const filled = volumes.filter(({ namespace, claim, storageClass }) => {
    const mapped = Object.hasOwn(storageClassMapping, storageClass) && storageClassMapping[storageClass] !== storageClass;
    return context.refills(namespace, claim) && !mapped;
  });
  return mountProblems({ cluster, volumes: filled, made: filled.length === 0 ? [] : await madeVolumes(session, signal) }, signal);
}

/** The captured PersistentVolumes that the restore makes, and whose claims it fills. */
async function madeVolumes({ repository, ordered, context }: RestoreSession, signal: AbortSignal): Promise<readonly JsonObject[]> {
  const segments = ordered.filter(({ type }) => resourceKey(type) === resourceKey(PERSISTENT_VOLUMES));
  const made: JsonObject[] = [];
  for await (const objects of readObjects(repository, segments, signal)) {
    for (const { object, type } of objects) {
      const isMade = planObject({ captured: object, type, live: undefined, context })?.action === RestoreAction.Create;
      const claim = objectAt(object, 'spec', 'claimRef');
      if (isMade && context.refills(textAt(claim, 'namespace'), textAt(claim, 'name'))) made.push(object);
    }
  }
  return made;
}

async function isLive({ cluster }: RestoreSession, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await cluster.get({ type: STORAGE_CLASSES, namespace: '', name }, { signal })) !== undefined;
  } catch (error) {
    // Who may not see it may use it all the same.
    if (error instanceof HoldfastError && error.type === FailureType.Forbidden) return true;
    throw error;
  }
}

async function capturedClasses({ repository, ordered, context }: RestoreSession, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const segments = ordered.filter(({ type }) => resourceKey(type) === resourceKey(STORAGE_CLASSES));
  const names = new Set<string>();
  for await (const objects of readObjects(repository, segments, signal)) {
    for (const { object, type } of objects) if (context.selection.takes(object, type)) names.add(objectRef(object, type).name);
  }
  return names;
}
