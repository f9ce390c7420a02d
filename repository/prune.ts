import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { RetentionPolicy } from '../contracts/retention.ts';
import { applyRetention, type RecoveryPoint, type RetentionDecision } from '../domain/retention/retention.ts';
import { SelectorError } from '../domain/selection/label-selector-parser.ts';
import { matchesLabels, parseLabelSelector } from '../domain/selection/label-selector.ts';
import { type BackupEntry, type ChainEntry, deletedSequences, lastEntry, liveBackups } from './chain-entries.ts';
import type { DeletionOptions, LockedManifest } from './deletion.ts';
import type { Repository } from './repository.ts';

/** Which backups retention looks at: those that match everything that is given, all when nothing is. */
export interface PruneSelection {
  /** Name of the schedule that made them. */
  readonly schedule?: string;
  /** Name or uid of the cluster. */
  readonly cluster?: string;
  /** Label selector over the backups' labels. */
  readonly selector?: string;
}

export interface PruneOptions extends DeletionOptions {
  readonly select: PruneSelection;
  readonly policy: RetentionPolicy;
  /** ISO-8601. */
  readonly now: string;
  /** Decide only. */
  readonly dryRun?: boolean;
}

export interface PruneResult {
  /** Of every selected backup, newest first. */
  readonly decisions: readonly RetentionDecision[];
  /** Names of those that are gone now. Empty in a dry run. */
  readonly removed: readonly string[];
  /** Of the removed ones, those whose manifest files a lock of the store keeps for now. They count as deleted all the same. */
  readonly locked: readonly LockedManifest[];
  /** Sequences of the chain's entries that are damaged or gone: backups before the last of them may be held, so they stay. */
  readonly unreadable: readonly number[];
}

/**
 * Applies a retention policy to the selected backups of a repository and deletes what is to go; docs/schedules-and-retention.md has the rules.
 * Safe to repeat. `BadInput` for a wrong policy or selector, before anything is read; a hold that comes while it runs ends it, with nothing deleted.
 */
export async function pruneBackups(repository: Repository, options: PruneOptions): Promise<PruneResult> {
  const { policy, now, dryRun = false, ...call } = options;
  applyRetention([], policy, now);
  const selects = matcher(options.select);
  const { entries } = await repository.readChain(call);
  const unreadable = unreadableSequences(entries);
  const doubtfulBefore = unreadable.at(-1) ?? 0;
  const points = liveBackups(entries)
    .filter(selects)
    .map((entry) => recoveryPoint(entry, doubtfulBefore));
  const decisions = applyRetention(points, policy, now);
  const names = decisions.filter(({ action }) => action === 'remove').map(({ point }) => point.name);
  if (dryRun || names.length === 0) return { decisions, removed: [], locked: [], unreadable };
  const { locked } = await repository.deleteBackups(names, call);
  return { decisions, removed: names, locked, unreadable };
}

function matcher({ schedule, cluster, selector = '' }: PruneSelection): (entry: BackupEntry) => boolean {
  const requirements = parseSelector(selector);
  return ({ manifest }) =>
    (schedule === undefined || manifest.schedule === schedule) &&
    (cluster === undefined || manifest.cluster.name === cluster || manifest.cluster.uid === cluster) &&
    matchesLabels(requirements, manifest.labels ?? {});
}

function parseSelector(selector: string): ReturnType<typeof parseLabelSelector> {
  try {
    return parseLabelSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) throw new HoldfastError(FailureType.BadInput, `label selector: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A hold names earlier entries only, so what comes after the last entry in doubt is not held by one of them. */
function recoveryPoint({ sequence, manifest, held, holdReason }: BackupEntry, doubtfulBefore: number): RecoveryPoint {
  const { name, completedAt, phase, cluster, schedule, expiresAt } = manifest;
  const doubt = sequence < doubtfulBefore ? `entry ${doubtfulBefore} of the chain cannot be read and may hold it` : undefined;
  const hold = held ? holdReason : doubt;
  return {
    name,
    sequence,
    completedAt,
    phase,
    cluster: { uid: cluster.uid, name: cluster.name },
    ...(schedule === undefined ? {} : { schedule }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(hold === undefined ? {} : { held: hold }),
  };
}

function unreadableSequences(entries: readonly ChainEntry[]): number[] {
  const readable = new Set(entries.filter(({ content }) => 'manifest' in content).map(({ sequence }) => sequence));
  const deleted = deletedSequences(entries);
  const last = lastEntry(entries)?.sequence ?? 0;
  return Array.from({ length: last }, (_, index) => index + 1).filter((sequence) => !readable.has(sequence) && !deleted.has(sequence));
}
