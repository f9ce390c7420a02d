import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RestorePreparation, VolumeActivities } from '../contracts/activities.ts';
import type { CapturedApplication, RecoveredApplication } from '../contracts/application.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import { mapNamespace } from '../domain/plan/mapping.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { recoverApplication } = proxyActivities<VolumeActivities>(policy.moveVolume);

/** The applications of one restore that are brought back through themselves. */
export class ApplicationRecovery {
  readonly #input: RestoreProjectInput;
  readonly #ledger: RunLedger;
  #recovered: RecoveredApplication[] | undefined;

  constructor(input: RestoreProjectInput, ledger: RunLedger) {
    this.#input = input;
    this.#ledger = ledger;
  }

  /** Undefined when the restore has none. */
  get recovered(): readonly RecoveredApplication[] | undefined {
    return this.#recovered && [...this.#recovered].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }

  /** Waits for the pods of each, and has its plugin bring it back. One that cannot be is an error in the list, and the others go on. */
  async run(prepared: RestorePreparation): Promise<void> {
    const { applications = [] } = prepared;
    if (applications.length === 0) return;
    this.#recovered = [];
    const width = this.#input.options.volumes?.concurrency ?? 1;
    await this.#ledger.during('recover applications', () => inParallel(applications, width, (one) => this.#recover(one, prepared)));
  }

  async #recover(application: CapturedApplication, { sequence, serverTime }: RestorePreparation): Promise<void> {
    const { plugin, application: name, namespace: captured } = application.task;
    const namespace = mapNamespace(this.#input.options.namespaceMapping, captured);
    const what = nameOf({ plugin, namespace, application: name });
    const done = await orIssue(
      () => recoverApplication({ restore: this.#input, sequence, serverTime, runId: workflowInfo().runId, application }),
      (cause) => ({ code: 'ApplicationNotRecovered', message: cause.startsWith(what) ? cause : `${what}: ${cause}` }),
    );
    if (isIssue(done)) {
      this.#ledger.fail([done]);
      this.#recovered?.push({ plugin, namespace, application: name, outcome: 'failed', reason: done.message });
      return;
    }
    const { warnings, ...recovered } = done;
    this.#ledger.warn(warnings);
    this.#recovered?.push(recovered);
    if (done.outcome === 'left') this.#ledger.warn([{ code: 'ApplicationLeft', message: `${what}: ${done.reason}` }]);
  }
}

function nameOf({ plugin, namespace, application }: Pick<RecoveredApplication, 'plugin' | 'namespace' | 'application'>): string {
  return `${plugin} of ${namespace}/${application}`;
}
