import type { PruneBackupsInput } from '../../contracts/schedule.ts';
import { pruneBackups as pruneRepository } from '../../repository/prune.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';

/** Applies a schedule's retention. What this removed before, in an attempt whose answer was lost, is not in the answer. */
export async function pruneBackups(repository: Repository, input: PruneBackupsInput, pulse: Pulse): Promise<readonly string[]> {
  const { schedule, cluster, policy } = input;
  const now = new Date().toISOString();
  const { removed } = await pruneRepository(repository, { select: { schedule, cluster }, policy, now, signal: pulse.signal });
  return removed;
}
