import { RunPhase } from '../../contracts/outcome.ts';
import { RestoreAction } from '../../contracts/restore.ts';
import type { ActionCounts } from '../../contracts/restore.ts';

/** Phase of a backup that committed, or of one that could not: `Failed` only when errors left nothing captured. */
export function backupPhase(result: { readonly objectCount: number; readonly errors: number }): RunPhase {
  if (result.errors === 0) return RunPhase.Completed;
  return result.objectCount > 0 ? RunPhase.PartiallyFailed : RunPhase.Failed;
}

interface RestoreTally {
  readonly counts: ActionCounts;
  /** Objects that the API server refused. */
  readonly failed: number;
  readonly errors: number;
  /** What verification said; true when it did not run. */
  readonly verified: boolean;
}

/**
 * Phase of a restore. Objects that a rule omitted, skipped or refused are the plan's outcome and no failure; objects that failed, that
 * conflict, or that verification found different are. `Failed` when nothing of the backup is in the cluster.
 */
export function restorePhase(tally: RestoreTally): RunPhase {
  const { counts } = tally;
  if (tally.failed === 0 && tally.errors === 0 && counts.conflict === 0 && tally.verified) return RunPhase.Completed;
  const present = counts.create + counts.update + counts.replace + counts.skip + counts.unchanged;
  return present > 0 ? RunPhase.PartiallyFailed : RunPhase.Failed;
}

export function emptyCounts(): ActionCounts {
  return countsOf(() => 0);
}

export function addCounts(a: ActionCounts, b: ActionCounts): ActionCounts {
  return countsOf((action) => a[action] + b[action]);
}

/** The counts with one more object for `action`. */
export function countAction(counts: ActionCounts, action: RestoreAction): ActionCounts {
  return { ...counts, [action]: counts[action] + 1 };
}

function countsOf(value: (action: RestoreAction) => number): ActionCounts {
  const actions = Object.values(RestoreAction);
  return Object.fromEntries(actions.map((action) => [action, value(action)])) as Record<RestoreAction, number>;
}
