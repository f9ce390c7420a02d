import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { BackupProjectInput, BackupProjectResult } from '../contracts/backup.ts';
import type { EtcdActivities } from '../contracts/etcd-backup.ts';
import type { CapturedEtcd } from '../contracts/etcd.ts';
import type { GitSynced } from '../contracts/git.ts';
import type { CapturedRelease, HelmActivities } from '../contracts/helm.ts';
import type { BackupSizes } from '../contracts/manifest.ts';
import type { Selection } from '../contracts/selection.ts';
import * as policy from './activity-options.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';
import { syncRemote } from './sync-remote.ts';

const { captureEtcd } = proxyActivities<EtcdActivities>(policy.snapshotEtcd);
const { exportCharts } = proxyActivities<HelmActivities>(policy.publish);

interface Stored {
  /** Segment id of a part; '' when nothing was stored. */
  readonly part: string;
  readonly sizes: BackupSizes;
}

/** What a backup takes of a cluster beside its objects and volumes: each is an error in the list when it fails, and the rest goes on. */
export class ClusterState {
  readonly #input: BackupProjectInput;
  readonly #ledger: RunLedger;
  readonly #take: (stored: Stored) => void;
  #etcd: CapturedEtcd | undefined;
  #releases: readonly CapturedRelease[] | undefined;
  readonly #git: GitSynced[] = [];

  constructor(input: BackupProjectInput, ledger: RunLedger, take: (stored: Stored) => void) {
    this.#input = input;
    this.#ledger = ledger;
    this.#take = take;
  }

  /** What of it the manifest and the result say. */
  get account(): Pick<BackupProjectResult, 'etcd' | 'releases' | 'git'> {
    return {
      ...(this.#etcd === undefined ? {} : { etcd: this.#etcd }),
      ...(this.#releases === undefined ? {} : { releases: this.#releases }),
      ...(this.#input.git === undefined ? {} : { git: this.#git }),
    };
  }

  async snapshotEtcd(): Promise<void> {
    const { etcd, cluster, location } = this.#input;
    if (etcd === undefined) return;
    const taken = await orIssue(
      () => this.#ledger.during('etcd', () => captureEtcd({ ...etcd, cluster, location, runId: workflowInfo().runId })),
      (cause) => ({ code: 'EtcdFailed', message: `no snapshot of etcd: ${cause}` }),
    );
    if (isIssue(taken)) {
      this.#ledger.fail([taken]);
      return;
    }
    this.#etcd = taken.etcd;
    this.#take(taken);
    this.#ledger.warn(taken.warnings);
    this.#ledger.say('info', `etcd snapshot of ${taken.etcd.endpoint} with everything up to revision ${taken.etcd.revision}`);
  }

  /** `parts`: of the objects that were captured, the records of releases among them. */
  async keepCharts(parts: readonly string[]): Promise<void> {
    const { helm, location } = this.#input;
    if (helm === undefined) return;
    const kept = await orIssue(
      () => this.#ledger.during('charts', () => exportCharts({ ...helm, location, parts })),
      (cause) => ({ code: 'ChartsFailed', message: `charts are not kept: ${cause}` }),
    );
    if (isIssue(kept)) {
      this.#ledger.fail([kept]);
      return;
    }
    this.#releases = kept.releases;
    this.#take(kept);
    this.#ledger.warn(kept.warnings);
    this.#ledger.fail(kept.errors);
  }

  /** Brings Git remotes to the state of the backup, which is committed by now. */
  async publish(sequence: number, selection: Selection): Promise<void> {
    const { git = [], cluster, location } = this.#input;
    for (const remote of git) {
      const synced = await orIssue(
        () => syncRemote(this.#ledger, { cluster, remote, selection, source: { backup: { location, sequence } } }),
        (cause) => ({
          code: 'GitFailed',
          message: `"${remote}" is not brought up to date: ${cause}`,
          advice: 'the next sync does it when the cause is gone',
        }),
      );
      if (isIssue(synced)) this.#ledger.fail([synced]);
      else this.#git.push(synced);
    }
  }
}
