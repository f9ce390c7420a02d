import { defineQuery, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { BackupActivities, BackupPlan, CaptureCursor, CaptureResult } from '../contracts/activities.ts';
import { QUERY_PROGRESS, type BackupProgress, type BackupProjectInput, type BackupProjectResult } from '../contracts/backup.ts';
import type { BackupSizes, CapturedKind } from '../contracts/manifest.ts';
import { RunPhase } from '../contracts/outcome.ts';
import { mergeKinds } from '../domain/backup/captured-kinds.ts';
import { addSizes, NO_BYTES } from '../domain/backup/sizes.ts';
import { backupPhase } from '../domain/plan/outcome.ts';
import { ClusterState } from './capture-cluster-state.ts';
import { VolumeCapture } from './capture-volumes.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import { protectBackup } from './protect-backup.ts';
import { Quiescence } from './quiescence.ts';
import { failWithCause, isIssue, orIssue, publishPhase, RunLedger } from './run-ledger.ts';

const { planBackup } = proxyActivities<BackupActivities>(policy.decide);
const { captureResources, captureRelated } = proxyActivities<BackupActivities>(policy.moveBatch);
const { verifyStored } = proxyActivities<BackupActivities>(policy.decide);
const { commitBackup } = proxyActivities<BackupActivities>(policy.commit);

const progress = defineQuery<BackupProgress>(QUERY_PROGRESS);

/** How many tasks of one backup list and store at the same time. */
const CAPTURE_WIDTH = 3;

/** The objects of the captured kinds, so far. */
interface Captured {
  kinds: readonly CapturedKind[];
  sizes: BackupSizes;
  objects: number;
  readonly parts: string[];
  tasksDone: number;
  tasksTotal: number;
}

/**
 * The life of one backup: plan, capture the volumes, capture every kind at one revision, take along what it needs, read back what was stored, commit. Nothing can
 * be seen of it until the commit, which is one create-only write; killed before that, it goes on from the last finished batch.
 */
export async function backupProject(input: BackupProjectInput): Promise<BackupProjectResult> {
  const ledger = new RunLedger();
  const captured: Captured = { kinds: [], sizes: NO_BYTES, objects: 0, parts: [], tasksDone: 0, tasksTotal: 0 };
  const keep = ({ part, sizes }: { readonly part: string; readonly sizes: BackupSizes }): void => {
    if (part !== '') captured.parts.push(part);
    captured.sizes = addSizes(captured.sizes, sizes);
  };
  const quiescence = new Quiescence(input, ledger, keep);
  const volumes = new VolumeCapture(input, ledger, quiescence);
  const clusterState = new ClusterState(input, ledger, keep);
  let phase: RunPhase = RunPhase.Running;
  setHandler(progress, () => progressOf({ ledger, captured, volumes, phase }));

  return failWithCause(ledger, async () => {
    try {
      const plan = await capture(input, { ledger, captured, volumes, quiescence, clusterState });
      phase = backupPhase({ objectCount: captured.objects, errors: ledger.errorCount });
      const result = resultOf({ input, plan, captured, ledger, volumes, quiescence, clusterState, phase });
      if (phase === RunPhase.Failed) return finish(result);
      volumes.entrust();
      const { sequence } = await ledger.during('commit', () =>
        commitBackup({
          backup: input,
          runId: workflowInfo().runId,
          plan: { cluster: plan.cluster, revision: plan.revision, namespaces: plan.namespaces },
          parts: captured.parts,
          result,
          log: ledger.logLines,
        }),
      );
      const copies = await protectBackup({ backup: input, sequence, ledger, afterwards: plan.afterwards });
      await clusterState.publish(sequence, plan.selection);
      phase = backupPhase({ objectCount: captured.objects, errors: ledger.errorCount });
      return finish({ ...result, ...clusterState.account, ...ledger.account(), phase, sequence, copies });
    } finally {
      await volumes.tidy();
    }
  });
}

interface CaptureState {
  readonly ledger: RunLedger;
  readonly captured: Captured;
  readonly volumes: VolumeCapture;
  readonly quiescence: Quiescence;
  readonly clusterState: ClusterState;
}

/** Everything that the backup is of: cut at one moment, then brought to the location, then read back. */
async function capture(
  input: BackupProjectInput,
  { ledger, captured, volumes, quiescence, clusterState }: CaptureState,
): Promise<BackupPlan> {
  await volumes.plan();
  const plan = await quiescence.during(volumes.quiesce, async () => {
    const cut = await ledger.during('plan', () => planBackup(input));
    ledger.warn(cut.warnings);
    ledger.fail(cut.errors);
    ledger.say('info', `${cut.namespaces.length} namespaces at revision ${cut.revision}`);
    await volumes.cut();
    await volumes.moveLive();
    return cut;
  });

  await ledger.during('capture', () => captureAll({ input, plan, captured, ledger }));
  if (plan.followReferences) await ledger.during('capture related', () => captureNeeded({ input, plan, captured, ledger }));
  await clusterState.snapshotEtcd();
  await clusterState.keepCharts(captured.parts);
  await volumes.moveSnapshots();
  await ledger.during('verify', () => verifyStored({ location: input.location, parts: captured.parts, startedAt: ledger.startedAt }));
  return plan;
}

interface Run {
  readonly input: BackupProjectInput;
  readonly plan: BackupPlan;
  readonly captured: Captured;
  readonly ledger: RunLedger;
}

/** Every task in batches; a kind that cannot be captured is an error in the list, and the others go on. */
async function captureAll({ input, plan, captured, ledger }: Run): Promise<void> {
  captured.tasksTotal = plan.tasks.length;
  await inParallel(plan.tasks, CAPTURE_WIDTH, async (task) => {
    let cursor: CaptureCursor | undefined = task;
    while (cursor) {
      const batch: CaptureCursor = cursor;
      const done = await orIssue(
        () => captureResources({ backup: input, selection: plan.selection, revision: plan.revision, cursor: batch }),
        (cause) => ({ code: 'CaptureFailed', message: `${kindsOf(batch)}: ${cause}` }),
      );
      cursor = isIssue(done) ? undefined : done.next;
      if (isIssue(done)) ledger.fail([done]);
      else take(captured, ledger, done);
    }
    captured.tasksDone += 1;
  });
}

async function captureNeeded({ input, plan, captured, ledger }: Run): Promise<void> {
  const related = await orIssue(
    () => captureRelated({ backup: input, revision: plan.revision, parts: captured.parts }),
    (cause) => ({ code: 'CaptureFailed', message: `cluster-scoped objects: ${cause}` }),
  );
  if (isIssue(related)) ledger.fail([related]);
  else take(captured, ledger, related);
}

function take(captured: Captured, ledger: RunLedger, batch: CaptureResult): void {
  captured.kinds = mergeKinds(captured.kinds, batch.kinds);
  captured.sizes = addSizes(captured.sizes, batch.sizes);
  for (const kind of batch.kinds) captured.objects += kind.count;
  if (batch.part !== '') captured.parts.push(batch.part);
  ledger.warn(batch.warnings);
  ledger.fail(batch.errors);
}

function finish(result: BackupProjectResult): BackupProjectResult {
  publishPhase(result.phase);
  return result;
}

interface Account {
  readonly volumes: VolumeCapture;
  readonly phase: RunPhase;
}

function resultOf({
  input,
  plan,
  captured,
  ledger,
  volumes,
  quiescence,
  clusterState,
  phase,
}: Run & Account & CaptureState): BackupProjectResult {
  return {
    name: input.name,
    phase,
    revision: plan.revision,
    cluster: plan.cluster,
    objectCount: captured.objects,
    kinds: captured.kinds,
    sizes: captured.sizes,
    copies: [],
    ...(volumes.captured === undefined ? {} : { volumes: volumes.captured }),
    ...(quiescence.applications === undefined ? {} : { applications: quiescence.applications }),
    ...clusterState.account,
    ...ledger.account(),
  };
}

function progressOf({ ledger, captured, volumes, phase }: Pick<Run, 'ledger' | 'captured'> & Account): BackupProgress {
  return {
    phase,
    step: ledger.step,
    objectsDone: captured.objects,
    bytesRead: captured.sizes.read,
    bytesStored: captured.sizes.stored,
    tasksDone: captured.tasksDone,
    tasksTotal: captured.tasksTotal,
    ...(volumes.progress === undefined ? {} : { volumes: volumes.progress }),
    warnings: ledger.warningCount,
    errors: ledger.errorCount,
  };
}

function kindsOf(cursor: CaptureCursor): string {
  const [first, ...rest] = cursor.types;
  if (!first) return 'nothing';
  return rest.length === 0 ? first.resource : `${first.resource} and ${rest.length} more kinds`;
}
