import type { BackupEtcdInput, EtcdBackupPlan } from '../../contracts/etcd-backup.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ClusterIdentity } from '../../contracts/manifest.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { NAMESPACES } from '../capture/builtin-types.ts';
import type { ActivityDependencies } from '../dependencies.ts';

const PATIENCE_MS = 10_000;

/** The location is opened here already, so that a wrong key ends the run before the snapshot is streamed. */
export async function planEtcdBackup(
  dependencies: Pick<ActivityDependencies, 'cluster' | 'repository' | 'afterBackup'>,
  { cluster, location }: BackupEtcdInput,
  signal: AbortSignal,
): Promise<EtcdBackupPlan> {
  await dependencies.repository(location);
  const identity = await identify(dependencies, cluster, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
  signal.throwIfAborted();
  return { cluster: identity, afterwards: await dependencies.afterBackup(location) };
}

/** An etcd is worth a snapshot most of all when its API server is gone: then the name has to do. */
async function identify(
  { cluster: connect }: Pick<ActivityDependencies, 'cluster'>,
  name: string,
  signal: AbortSignal,
): Promise<ClusterIdentity> {
  try {
    const cluster = await connect(name);
    const { gitVersion } = await cluster.version({ signal });
    const system = await cluster.get({ type: NAMESPACES, namespace: '', name: 'kube-system' }, { signal });
    return { name, uid: system ? textAt(system.object, 'metadata', 'uid') : '', version: gitVersion };
  } catch (error) {
    if (!isAway(error) && !signal.aborted) throw error;
    return { name, uid: '', version: '' };
  }
}

/** Also no context of that name, and credentials that it does not accept any more. */
function isAway(error: unknown): boolean {
  const types: readonly string[] = [FailureType.Unavailable, FailureType.NotFound, FailureType.Forbidden, FailureType.BadInput];
  return error instanceof HoldfastError && types.includes(error.type);
}
