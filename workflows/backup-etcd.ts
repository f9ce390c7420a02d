import { defineQuery, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { BackupActivities } from '../contracts/activities.ts';
import { QUERY_PROGRESS, type BackupProjectInput, type BackupProjectResult } from '../contracts/backup.ts';
import type { CaptureEtcdResult } from '../contracts/etcd.ts';
import type { BackupEtcdInput, BackupEtcdProgress, EtcdActivities, EtcdBackupPlan } from '../contracts/etcd-backup.ts';
import { RunPhase } from '../contracts/outcome.ts';
import { SELECT_ALL } from '../contracts/selection.ts';
import * as policy from './activity-options.ts';
import { protectBackup } from './protect-backup.ts';
import { failWithCause, publishPhase, RunLedger } from './run-ledger.ts';

const { planEtcdBackup } = proxyActivities<EtcdActivities>(policy.decide);
const { captureEtcd } = proxyActivities<EtcdActivities>(policy.snapshotEtcd);
const { verifyStored } = proxyActivities<BackupActivities>(policy.decide);
const { commitBackup } = proxyActivities<BackupActivities>(policy.commit);

const progress = defineQuery<BackupEtcdProgress>(QUERY_PROGRESS);

/**
 * The life of a backup of etcd alone: plan, stream the snapshot, read back what was stored, commit, protect. It is an ordinary recovery point
 * without objects; nothing can be seen of it until the commit.
 */
export async function backupEtcd(input: BackupEtcdInput): Promise<BackupProjectResult> {
  const ledger = new RunLedger();
  let phase: RunPhase = RunPhase.Running;
  let snapshotBytes = 0;
  setHandler(progress, () => ({ phase, step: ledger.step, snapshotBytes, warnings: ledger.warningCount, errors: ledger.errorCount }));

  return failWithCause(ledger, async () => {
    const plan = await ledger.during('plan', () => planEtcdBackup(input));
    const captured = await ledger.during('snapshot', () => captureEtcd({ ...input, runId: workflowInfo().runId }));
    snapshotBytes = captured.etcd.snapshot.bytes;
    ledger.warn(captured.warnings);
    ledger.say('info', `snapshot of ${captured.etcd.endpoint} with everything up to revision ${captured.etcd.revision}`);
    const { location } = input;
    await ledger.during('verify', () => verifyStored({ location, parts: [captured.part], startedAt: ledger.startedAt }));

    const result = resultOf(input, { plan, captured, ledger });
    const { sequence } = await ledger.during('commit', () =>
      commitBackup({
        backup: asBackup(input),
        runId: workflowInfo().runId,
        plan: { cluster: plan.cluster, revision: captured.etcd.revision, namespaces: [] },
        parts: [captured.part],
        result,
        log: ledger.logLines,
      }),
    );
    const copies = await protectBackup({ backup: input, sequence, ledger, afterwards: plan.afterwards });
    phase = ledger.errorCount === 0 ? RunPhase.Completed : RunPhase.PartiallyFailed;
    publishPhase(phase);
    return { ...result, ...ledger.account(), phase, sequence, copies };
  });
}

interface Parts {
  readonly plan: EtcdBackupPlan;
  readonly captured: CaptureEtcdResult;
  readonly ledger: RunLedger;
}

function resultOf(input: BackupEtcdInput, { plan, captured, ledger }: Parts): BackupProjectResult {
  return {
    name: input.name,
    phase: RunPhase.Completed,
    revision: captured.etcd.revision,
    cluster: plan.cluster,
    objectCount: 0,
    kinds: [],
    sizes: captured.sizes,
    copies: [],
    etcd: captured.etcd,
    ...ledger.account(),
  };
}

/** What the manifest says of it: the snapshot has everything, and no object is kept beside it. */
function asBackup(input: BackupEtcdInput): BackupProjectInput {
  const { name, cluster, location, schedule, labels, ttlSeconds } = input;
  return {
    ...{ name, cluster, location, selection: SELECT_ALL },
    ...(schedule === undefined ? {} : { schedule }),
    ...(labels === undefined ? {} : { labels }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  };
}
