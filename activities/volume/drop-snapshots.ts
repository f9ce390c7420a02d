import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { DroppedSnapshot } from '../../domain/volume/dropped-snapshots.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { NAMESPACES } from '../capture/builtin-types.ts';
import { dropSnapshot, type DropWork } from './drop-snapshot.ts';

const PATIENCE_MS = 120_000;

/** A snapshot that is still there, and why. */
export interface LeftSnapshot extends DroppedSnapshot {
  readonly reason: string;
}

/**
 * Lets the storage systems of a cluster delete snapshots that it kept for deleted backups, and answers with those that stay: the backups are deleted
 * whatever goes wrong, also when the cluster cannot be reached. Does nothing in a cluster that is another one than the snapshots are of.
 */
export async function dropSnapshots(
  connect: () => Promise<Cluster>,
  dropped: readonly DroppedSnapshot[],
  pulse: DropWork['pulse'],
): Promise<readonly LeftSnapshot[]> {
  const left: LeftSnapshot[] = [];
  for (const snapshot of dropped) {
    const reason = await reasonToStay(connect, snapshot, pulse);
    if (reason !== '') left.push({ ...snapshot, reason });
  }
  return left;
}

/** '' when it is gone. */
async function reasonToStay(
  connect: () => Promise<Cluster>,
  { cluster: of, kept }: DroppedSnapshot,
  pulse: DropWork['pulse'],
): Promise<string> {
  try {
    const cluster = await connect();
    if ((await uidOf(cluster, pulse.signal)) !== of.uid) return `${cluster.name} is another cluster now`;
    await dropSnapshot({ cluster, kept, patienceMs: PATIENCE_MS, pulse });
    return '';
  } catch (error) {
    pulse.signal.throwIfAborted();
    if (error instanceof HoldfastError) return error.message;
    throw error;
  }
}

async function uidOf(cluster: Cluster, signal: AbortSignal): Promise<string> {
  const found = await cluster.get({ type: NAMESPACES, namespace: '', name: 'kube-system' }, { signal });
  if (found) return textAt(found.object, 'metadata', 'uid');
  throw new HoldfastError(FailureType.Unavailable, `${cluster.name}: has no namespace kube-system to know it by`);
}
