import type { PruneBackupsInput } from '../../contracts/schedule.ts';
import { droppedSnapshots } from '../../domain/volume/dropped-snapshots.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { pruneBackups as pruneRepository } from '../../repository/prune.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { dropSnapshots } from '../volume/drop-snapshots.ts';

export interface PruneWork {
  readonly repository: Repository;
  readonly cluster: () => Promise<Cluster>;
  /** Told of each snapshot of a removed backup that a storage system still has. */
  readonly onLeft: (message: string) => void;
}

/** Applies a schedule's retention. What this removed before, in an attempt whose answer was lost, is not in the answer. */
export async function pruneBackups(work: PruneWork, input: PruneBackupsInput, pulse: Pulse): Promise<readonly string[]> {
  const { schedule, cluster, policy } = input;
  const now = new Date().toISOString();
  const beforeFilesGo = async (...manifests: Parameters<typeof droppedSnapshots>): Promise<void> => {
    const dropped = droppedSnapshots(...manifests);
    for (const { volume, kept, reason } of await dropSnapshots(work.cluster, dropped, pulse)) {
      work.onLeft(`snapshot ${kept.handle} of volume ${volume} stays in the storage system: ${reason}`);
    }
  };
  const { removed } = await pruneRepository(work.repository, {
    select: { schedule, cluster },
    policy,
    now,
    signal: pulse.signal,
    beforeFilesGo,
  });
  return removed;
}
