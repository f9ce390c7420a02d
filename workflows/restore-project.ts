import { defineQuery, patched, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ApplyBatchResult, RestoreActivities, RestoreBatch, RestorePreparation, RestoreWave } from '../contracts/activities.ts';
import { QUERY_PROGRESS } from '../contracts/backup.ts';
import { RunPhase } from '../contracts/outcome.ts';
import type { ActionCounts, RestoreProgress, RestoreProjectInput, RestoreProjectResult, VerificationReport } from '../contracts/restore.ts';
import { addCounts, emptyCounts, restorePhase } from '../domain/plan/outcome.ts';
import { stretches } from '../domain/restore/stretches.ts';
import { guardsWrites, hasClaims, needsVolumes } from '../domain/resource/order.ts';
import { addReports, NOTHING_COMPARED } from '../domain/restore/reports.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import { ApplicationRecovery } from './recover-applications.ts';
import { RestoreHooks } from './restore-hooks.ts';
import { VolumeRefill } from './refill-volumes.ts';
import { failWithCause, isIssue, orIssue, publishPhase, RunLedger } from './run-ledger.ts';

const { prepareRestore } = proxyActivities<RestoreActivities>(policy.decide);
const { applyBatch, relinkOwners, verifyRestored } = proxyActivities<RestoreActivities>(policy.moveBatch);
const { awaitReady } = proxyActivities<RestoreActivities>(policy.waitForCluster);
const { recordRestore } = proxyActivities<RestoreActivities>(policy.commit);

const progress = defineQuery<RestoreProgress>(QUERY_PROGRESS);

/** How many batches of one wave are applied at the same time. The cluster's own limit adapts below that. */
const APPLY_WIDTH = 3;
/** Objects that one activity verifies. */
const VERIFY_OBJECTS = 20_000;

/** What has been applied so far. */
interface Applied {
  counts: ActionCounts;
  failed: number;
  done: number;
  wave: number;
  readonly unlinked: RestoreBatch[];
}

interface Run {
  readonly input: RestoreProjectInput;
  readonly prepared: RestorePreparation;
  readonly applied: Applied;
  readonly ledger: RunLedger;
}

/**
 * The life of one restore: order the backup into waves, apply them one after the other, fill the volumes before anything can mount them, wait where the next one depends on it, put owner
 * references back, apply what may refuse writes, compare the cluster with the backup, keep the account.
 */
export async function restoreProject(input: RestoreProjectInput): Promise<RestoreProjectResult> {
  const ledger = new RunLedger();
  const applied: Applied = { counts: emptyCounts(), failed: 0, done: 0, wave: 0, unlinked: [] };
  let prepared: RestorePreparation | undefined;
  const volumes = new VolumeRefill(input, ledger);
  const applications = new ApplicationRecovery(input, ledger);
  const hooks = new RestoreHooks(input, ledger);
  let phase: RunPhase = RunPhase.Running;
  setHandler(progress, () => progressOf({ ledger, applied, volumes, prepared, phase }));

  return failWithCause(ledger, async () => {
    prepared = await ledger.during('plan', () => prepareRestore(input));
    const run: Run = { input, prepared, applied, ledger };
    ledger.warn(prepared.warnings);
    ledger.fail(prepared.errors ?? []);
    ledger.say('info', `${prepared.objectCount} objects in ${prepared.waves.length} waves`);

    const guards = heldBack(prepared.waves);
    for (const wave of prepared.waves.filter((one) => !guards.includes(one))) {
      if (hasClaims(wave)) await volumes.offer(prepared);
      if (needsVolumes(wave)) {
        await volumes.refill(prepared);
        await hooks.prepare(prepared);
      }
      await ledger.during(`apply ${wave.title}`, () => applyWave(run, wave));
    }
    await volumes.refill(prepared);
    await volumes.settle(prepared);
    await applications.run(prepared);
    await hooks.run(prepared);
    await relink(run);
    for (const wave of guards) await ledger.during(`apply ${wave.title}`, () => applyWave(run, wave));
    await relink(run);
    const verification = await ledger.during('verify', () => verifyAll(run));

    phase = restorePhase({ counts: applied.counts, failed: applied.failed, errors: ledger.errorCount, verified: verification.equal });
    const result: RestoreProjectResult = {
      name: input.name,
      backup: input.backup,
      phase,
      counts: applied.counts,
      failed: applied.failed,
      verification,
      ...(volumes.restored === undefined ? {} : { volumes: volumes.restored }),
      ...(applications.recovered === undefined ? {} : { applications: applications.recovered }),
      ...(hooks.counts === undefined ? {} : { hooks: hooks.counts }),
      ...ledger.account(),
    };
    await ledger.during('record', () => recordRestore({ restore: input, runId: workflowInfo().runId, result, log: ledger.logLines }));
    publishPhase(phase);
    return { ...result, ...ledger.account() };
  });
}

async function applyWave({ input, prepared, applied, ledger }: Run, wave: RestoreWave): Promise<void> {
  applied.wave = wave.wave;
  const place = placeOf({ input, prepared });
  const batches = prepared.batches.filter((batch) => batch.wave === wave.wave);
  await inParallel(batches, APPLY_WIDTH, async (batch) => {
    const done = await orIssue(
      () => applyBatch({ ...place, batch }),
      (cause) => ({ code: 'BatchFailed', message: `${batch.objects} objects of ${wave.title}: ${cause}` }),
    );
    applied.done += batch.objects;
    if (isIssue(done)) {
      applied.failed += batch.objects;
      ledger.fail([done]);
      return;
    }
    take(applied, ledger, done);
    if (done.unlinked > 0) applied.unlinked.push(batch);
  });
  if (wave.awaits !== 'nothing') ledger.warn(await awaitReady({ ...place, wave }));
}

/**
 * What may refuse the writes of others comes when there is nothing else to write: a webhook whose server does not answer yet must not refuse owner
 * references, or what brings an application back. Runs that began before this was so go on in their order.
 */
function heldBack(waves: readonly RestoreWave[]): readonly RestoreWave[] {
  const guards = waves.filter(guardsWrites);
  return guards.length > 0 && patched('guards-last') ? guards : [];
}

/** Adds the owner references that are still missing, if there are any. */
async function relink(run: Run): Promise<void> {
  const batches = run.applied.unlinked.splice(0);
  if (batches.length > 0) await run.ledger.during('relink owners', () => relinkAll(run, batches));
}

async function relinkAll({ input, prepared, ledger }: Run, batches: readonly RestoreBatch[]): Promise<void> {
  const place = placeOf({ input, prepared });
  await inParallel(batches, APPLY_WIDTH, async (batch) => {
    const done = await relinkOwners({ ...place, batch });
    ledger.warn(done.warnings);
    ledger.fail(done.errors);
  });
}

async function verifyAll({ input, prepared }: Run): Promise<VerificationReport> {
  const place = placeOf({ input, prepared });
  let report = NOTHING_COMPARED;
  await inParallel(stretches(prepared.batches, VERIFY_OBJECTS), APPLY_WIDTH, async (batches) => {
    const found = await verifyRestored({ ...place, batches });
    // Only now: another stretch may have been added while this one was waited for.
    report = addReports(report, found);
  });
  return report;
}

function take(applied: Applied, ledger: RunLedger, batch: ApplyBatchResult): void {
  applied.counts = addCounts(applied.counts, batch.counts);
  applied.failed += batch.failed;
  ledger.warn(batch.warnings);
  ledger.fail(batch.errors);
}

/** What every activity of the restore needs to see the backup in the same order. */
function placeOf({ input, prepared }: Pick<Run, 'input' | 'prepared'>) {
  const { sequence, serverTime, lostParts } = prepared;
  return { restore: input, sequence, serverTime, ...(lostParts ? { lostParts } : {}) };
}

interface Snapshot {
  readonly ledger: RunLedger;
  readonly volumes: VolumeRefill;
  readonly applied: Applied;
  readonly prepared: RestorePreparation | undefined;
  readonly phase: RunPhase;
}

function progressOf({ ledger, applied, volumes, prepared, phase }: Snapshot): RestoreProgress {
  return {
    phase,
    step: ledger.step,
    wave: applied.wave,
    waves: prepared?.waves.length ?? 0,
    objectsDone: applied.done,
    objectsTotal: prepared?.objectCount ?? 0,
    ...(volumes.progress === undefined ? {} : { volumes: volumes.progress }),
    warnings: ledger.warningCount,
    errors: ledger.errorCount,
  };
}
