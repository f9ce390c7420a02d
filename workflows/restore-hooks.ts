import { proxyActivities } from '@temporalio/workflow';
import type { HookActivities, RestorePreparation } from '../contracts/activities.ts';
import type { HookCounts, HookTarget } from '../contracts/hook.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { createHookedPods } = proxyActivities<HookActivities>(policy.moveBatch);
const { runHooks } = proxyActivities<HookActivities>(policy.waitForCluster);

/** Workloads whose hooks run at the same time. */
const WIDTH = 8;

/** The hooks of one restore. */
export class RestoreHooks {
  readonly #input: RestoreProjectInput;
  readonly #ledger: RunLedger;
  #counts: HookCounts | undefined;
  #hasPods = false;

  constructor(input: RestoreProjectInput, ledger: RunLedger) {
    this.#input = input;
    this.#ledger = ledger;
  }

  /** Undefined when the restore has no hooks to run. */
  get counts(): HookCounts | undefined {
    return this.#counts;
  }

  /** Creates the pods that get init containers, right before the workloads that would make them without. Once: called again it has nothing to do. */
  async prepare({ hasInitContainers, sequence, serverTime, lostParts }: RestorePreparation): Promise<void> {
    if (!hasInitContainers || this.#hasPods) return;
    this.#hasPods = true;
    const place = { restore: this.#input, sequence, serverTime, ...(lostParts ? { lostParts } : {}) };
    await this.#ledger.during('create pods with init hooks', () => createHookedPods(place));
  }

  /** Runs the commands in what was restored, workload by workload. */
  async run({ hooks = [], serverTime }: RestorePreparation): Promise<void> {
    if (hooks.length === 0) return;
    this.#counts = { attempted: 0, failed: 0 };
    await this.#ledger.during('hooks', () => inParallel(hooks, WIDTH, (target) => this.#runOne(target, serverTime)));
  }

  async #runOne(target: HookTarget, serverTime: string): Promise<void> {
    const { namespace, kind, name } = target;
    const done = await orIssue(
      () => runHooks({ restore: this.#input, serverTime, target }),
      (cause) => ({ code: 'RestoreHookFailed', message: `restore hooks of ${kind} ${namespace}/${name}: ${cause}` }),
    );
    // Only now: another target may have added to it meanwhile.
    const { attempted, failed } = this.#counts ?? { attempted: 0, failed: 0 };
    if (isIssue(done)) {
      this.#ledger.fail([done]);
      this.#counts = { attempted: attempted + 1, failed: failed + 1 };
      return;
    }
    this.#ledger.warn(done.warnings);
    this.#ledger.fail(done.errors);
    this.#counts = { attempted: attempted + done.attempted, failed: failed + done.failed };
  }
}
