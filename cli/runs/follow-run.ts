import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { QUERY_PROGRESS, type BackupProgress } from '../../contracts/backup.ts';
import type { CopyProgress } from '../../contracts/copy.ts';
import type { BackupEtcdProgress } from '../../contracts/etcd-backup.ts';
import type { RestoreReleasesProgress } from '../../contracts/helm-restore.ts';
import type { RestoreProgress } from '../../contracts/restore.ts';
import type { ScheduleProgress } from '../../contracts/schedule.ts';
import { copyTotalsText } from '../output/copy-text.ts';
import { bytes, count } from '../output/quantities.ts';
import { StatusLine } from '../output/status-line.ts';
import { streamedBy } from './snapshot-progress.ts';
import { waitingFor } from './waiting-for.ts';

const POLL_MS = 300;
/** What a run waits for is asked once in so many polls: it changes slowly. */
const POLLS_PER_REASON = 7;

/** How following a run ended, other than by its own result. */
export class StoppedFollowing extends Error {
  override readonly name = 'StoppedFollowing';
  readonly why: 'interrupted' | 'timed-out';

  constructor(why: 'interrupted' | 'timed-out') {
    super(why);
    this.why = why;
  }
}

/** The run itself failed: what it said. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed';
  readonly type: string;

  constructor(type: string, message: string, cause: unknown) {
    super(message, { cause });
    this.type = type;
  }
}

export interface FollowOptions {
  /** 0 waits as long as it takes. */
  readonly timeoutMs: number;
}

/**
 * Shows a run's progress until it ends, and returns its result. A run that failed throws its own failure. Ctrl-C and the timeout stop the
 * following, never the run.
 */
export async function followRun(handle: WorkflowHandle, { timeoutMs }: FollowOptions): Promise<unknown> {
  const status = new StatusLine();
  const stop = Promise.withResolvers<never>();
  const interrupt = (): void => {
    stop.reject(new StoppedFollowing('interrupted'));
  };
  const timeout =
    timeoutMs > 0
      ? setTimeout(() => {
          stop.reject(new StoppedFollowing('timed-out'));
        }, timeoutMs)
      : undefined;
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const poll = setInterval(showProgress(handle, status), POLL_MS);
  try {
    return await Promise.race<unknown>([handle.result(), stop.promise]);
  } catch (error) {
    throw failureOf(error);
  } finally {
    clearInterval(poll);
    clearTimeout(timeout);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    status.clear();
  }
}

/** What each poll does. */
function showProgress(handle: WorkflowHandle, status: StatusLine): () => void {
  let polls = 0;
  let waits = { step: '', reasons: [] as readonly string[] };
  const poll = async (): Promise<void> => {
    try {
      polls += 1;
      const progress = await handle.query<RunProgress>(QUERY_PROGRESS);
      if (polls % POLLS_PER_REASON === 0) waits = { step: progress.step, reasons: await waitingFor(handle) };
      // A run that has come to another step does not wait for what it waited for in the one before.
      const [reason] = waits.step === progress.step ? waits.reasons : [];
      if (reason === undefined) status.show(progress.step, (await streamedBy(handle, progress)) ?? detailOf(progress));
      else status.show(`${progress.step}, waiting`, reason);
    } catch {
      // No worker answers just now; the result will come when one does.
    }
  };
  return () => void poll();
}

export type RunProgress = BackupProgress | BackupEtcdProgress | RestoreProgress | CopyProgress | ScheduleProgress | RestoreReleasesProgress;

/** One line about how far a run is. */
export function detailOf(progress: RunProgress): string {
  const problems = progress.errors > 0 ? `, ${count(progress.errors)} errors` : '';
  if ('attempt' in progress) return `${progress.backup}${progress.attempt > 1 ? `, attempt ${progress.attempt}` : ''}${problems}`;
  if ('snapshotBytes' in progress) return `${bytes(progress.snapshotBytes)} of etcd stored${problems}`;
  if ('releasesDone' in progress) return `${count(progress.releasesDone)} of ${count(progress.releasesTotal)} releases${problems}`;
  if ('totals' in progress) return `${copyTotalsText(progress.totals)}${problems}`;
  if ('wave' in progress) return `${count(progress.objectsDone)} of ${count(progress.objectsTotal)} objects${problems}`;
  return `${count(progress.objectsDone)} objects, ${bytes(progress.bytesRead)} read, ${bytes(progress.bytesStored)} stored${problems}`;
}

/** Temporal's wrapping removed: what the run itself said. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) return new RunFailed(cause.type ?? '', cause.message, error);
  if (cause instanceof CancelledFailure) return new RunFailed('Canceled', 'it was cancelled', error);
  if (cause instanceof TerminatedFailure) return new RunFailed('Terminated', 'it was terminated', error);
  return error;
}
