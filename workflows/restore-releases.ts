import { defineQuery, isCancellation, proxyActivities, setHandler } from '@temporalio/workflow';
import { QUERY_PROGRESS } from '../contracts/backup.ts';
import type {
  HelmRestoreActivities,
  LeftRelease,
  PlannedRelease,
  ReleaseId,
  RestoredRelease,
  RestoreReleasesInput,
  RestoreReleasesProgress,
  RestoreReleasesResult,
} from '../contracts/helm-restore.ts';
import { RunPhase, type Issue } from '../contracts/outcome.ts';
import * as policy from './activity-options.ts';
import { failWithCause, isIssue, orIssue, publishPhase, RunLedger } from './run-ledger.ts';

const { planReleases } = proxyActivities<HelmRestoreActivities>(policy.decide);
const { adoptRelease } = proxyActivities<HelmRestoreActivities>(policy.moveBatch);
const { installRelease } = proxyActivities<HelmRestoreActivities>(policy.installRelease);

const progress = defineQuery<RestoreReleasesProgress>(QUERY_PROGRESS);

/**
 * Brings releases back, one after the other in the order that was asked for: see what the cluster has of them, then have Helm install each, or go on
 * with what was restored. One that cannot be restored does not keep the others from it. Cancelled, it says how the release in hand was left.
 */
export async function restoreReleases(input: RestoreReleasesInput): Promise<RestoreReleasesResult> {
  const ledger = new RunLedger();
  const restored: RestoredRelease[] = [];
  let phase: RunPhase = RunPhase.Running;
  let [releasesDone, releasesTotal] = [0, input.releases.length];
  setHandler(progress, () => ({
    phase,
    step: ledger.step,
    releasesDone,
    releasesTotal,
    warnings: ledger.warningCount,
    errors: ledger.errorCount,
  }));

  const { releases } = await failWithCause(ledger, () => ledger.during('plan', () => planReleases(input)));
  releasesTotal = releases.length;
  for (const planned of releases) {
    const outcome = await restoreOne(ledger, { restore: input, planned });
    if (outcome === 'cancelled') {
      phase = RunPhase.Canceled;
      break;
    }
    if (isIssue(outcome)) ledger.fail([outcome]);
    else restored.push(outcome);
    releasesDone += 1;
  }
  if (phase === RunPhase.Running) phase = phaseOf(restored.length, ledger.errorCount);
  publishPhase(phase);
  const { location, backup, cluster } = input;
  return { location, backup, cluster, phase, releases: restored, ...ledger.account() };
}

interface ReleaseWork {
  readonly restore: RestoreReleasesInput;
  readonly planned: PlannedRelease;
}

/** What became of a release: why it was not restored, or `cancelled` when nothing more is to be done, as the ledger says then. */
async function restoreOne(ledger: RunLedger, { restore, planned }: ReleaseWork): Promise<RestoredRelease | Issue | 'cancelled'> {
  const { from: release, to, problem, warnings } = planned;
  if (problem) return problem;
  ledger.warn(warnings);
  const work = restore.options.adopt ? adoptRelease : installRelease;
  try {
    const outcome = await orIssue(
      () => ledger.during(`${planned.action} ${nameOf(to)}`, () => work({ restore, release })),
      (cause) => ({ code: 'ReleaseNotRestored', message: `release ${nameOf(to)}: ${cause}` }),
    );
    if (isIssue(outcome)) return outcome;
    if ('restored' in outcome) return outcome.restored;
    ledger.fail([leftAs(to, outcome.left)]);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    ledger.fail([{ code: 'Cancelled', message: `cancelled before release ${nameOf(to)} was restored`, advice: GO_ON }]);
  }
  return 'cancelled';
}

const GO_ON = 'the same command brings it to its end';

function leftAs(release: ReleaseId, { status, revision }: LeftRelease): Issue {
  const left = status === '' ? 'Helm has no record of it' : `Helm has it as ${status}, revision ${revision}`;
  return { code: 'Cancelled', message: `cancelled while Helm was at work on release ${nameOf(release)}: ${left}`, advice: GO_ON };
}

function nameOf({ namespace, name }: ReleaseId): string {
  return `${namespace}/${name}`;
}

function phaseOf(restored: number, errors: number): RunPhase {
  if (errors === 0) return RunPhase.Completed;
  return restored > 0 ? RunPhase.PartiallyFailed : RunPhase.Failed;
}
