import { CancellationScope, isCancellation, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { CapturedApplication } from '../contracts/application.ts';
import type { BackupProjectInput } from '../contracts/backup.ts';
import type { BackupSizes } from '../contracts/manifest.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { KeptStream, PutBack, QuiesceActivities, QuiesceResult, QuiesceState, QuiesceTask } from '../contracts/quiesce.ts';
import * as policy from './activity-options.ts';
import { causeOf, isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { quiesceApplication, releaseApplication } = proxyActivities<QuiesceActivities>(policy.quiesce);
const { holdApplication } = proxyActivities<QuiesceActivities>(policy.hold);

/** What became of one application. */
interface Held {
  readonly task: QuiesceTask;
  state?: QuiesceState;
  /** ISO-8601; absent until then. */
  releasedAt?: string;
  /** It could not be quiesced, and is not to be captured then. */
  isRefused?: boolean;
  /** Its guarantee holds for what was captured. */
  isConsistent: boolean;
  readonly putBack: PutBack[];
  readonly streams: KeptStream[];
}

/** What plugins have kept with the backup. */
export interface KeptParts {
  readonly part: string;
  readonly sizes: BackupSizes;
}

/** The applications of one backup: brought to a consistent state, held while they are captured, and let go in every case. */
export class Quiescence {
  readonly #input: BackupProjectInput;
  readonly #ledger: RunLedger;
  readonly #onKept: (kept: KeptParts) => void;
  readonly #held: Held[] = [];

  constructor(input: BackupProjectInput, ledger: RunLedger, onKept: (kept: KeptParts) => void) {
    this.#input = input;
    this.#ledger = ledger;
    this.#onKept = onKept;
  }

  /**
   * Does `work` while the applications are quiesced. Whatever becomes of it, of quiescing, or of the run, every application that was touched is
   * let go before this ends.
   */
  async during<T>(tasks: readonly QuiesceTask[], work: () => Promise<T>): Promise<T> {
    if (tasks.length === 0) return work();
    try {
      await this.#ledger.during('quiesce', async () => {
        for (const task of tasks) await this.#quiesce(task);
      });
      return await this.#holding(work);
    } finally {
      await CancellationScope.nonCancellable(() => this.#ledger.during('release', () => this.#releaseAll()));
    }
  }

  /** Who made the volume of a claim consistent; undefined when nobody did. */
  holderOf(namespace: string, claim: string): Pick<Held, 'task' | 'putBack' | 'streams'> | undefined {
    return this.#held.find(({ task, isConsistent }) => isConsistent && task.namespace === namespace && task.claims.includes(claim));
  }

  /** The application that could not be quiesced, and because of which a claim is not captured; undefined for all others. */
  refuserOf(namespace: string, claim: string): QuiesceTask | undefined {
    return this.#held.find(({ task, isRefused }) => isRefused && task.namespace === namespace && task.claims.includes(claim))?.task;
  }

  /** What keeps the content of a claim in place of its files; undefined when nothing does. */
  keeperOf(namespace: string, claim: string): QuiesceTask | undefined {
    const keeper = this.#held.find(({ task: { replaces = [], ...task }, isConsistent }) => {
      return isConsistent && task.namespace === namespace && replaces.includes(claim);
    });
    return keeper?.task;
  }

  /** What the manifest says, in the order in which they were quiesced; undefined when none was. */
  get applications(): readonly CapturedApplication[] | undefined {
    const treated = this.#held.flatMap(({ task, state, releasedAt = '', isConsistent, streams }): readonly CapturedApplication[] => {
      if (!state) return [];
      const consistency = isConsistent ? task.guarantee : 'none';
      return [{ task, state: state.state, consistency, streams, quiescedAt: state.quiescedAt, releasedAt }];
    });
    return treated.length === 0 ? undefined : treated;
  }

  async #quiesce(task: QuiesceTask): Promise<void> {
    const held: Held = { task, isConsistent: false, putBack: [], streams: [] };
    // Before it is begun: an attempt that is cut off half-way is released, too.
    this.#held.push(held);
    try {
      const result = await quiesceApplication(this.#taskOf(task));
      this.#take(held, result);
      held.state = result.state;
      held.isConsistent = !result.isBroken;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const issue = notQuiesced(task, causeOf(error));
      if (task.onError === 'continue') this.#ledger.warn([issue]);
      else this.#ledger.fail([issue]);
      held.isRefused = task.onError === 'fail';
      this.#missReplaced(task);
    }
  }

  /** Renews every lease meanwhile. One that is lost costs the guarantee, not the backup. */
  async #holding<T>(work: () => Promise<T>): Promise<T> {
    const leases = new CancellationScope();
    const renewing = leases.run(() => Promise.all(this.#held.map((held) => this.#renew(held))));
    try {
      return await work();
    } finally {
      leases.cancel();
      await CancellationScope.nonCancellable(() => renewing.catch(() => undefined));
    }
  }

  async #renew(held: Held): Promise<void> {
    const { task, state } = held;
    if (!state) return;
    try {
      await holdApplication({ ...this.#taskOf(task), state });
    } catch (error) {
      if (!isCancellation(error)) this.#lose(held, causeOf(error));
    }
  }

  /** The last that was quiesced first. */
  async #releaseAll(): Promise<void> {
    for (const held of [...this.#held].reverse()) {
      const { task, state } = held;
      const released = await orIssue(
        () => releaseApplication({ ...this.#taskOf(task), ...(state ? { state } : {}) }),
        (cause) => ({
          code: 'NotReleased',
          message: `${nameOf(task)} was not released: ${cause}`,
          advice: `it releases itself within ${task.leaseSeconds} s where its plugin has a lease; see docs/plugins.md`,
        }),
      );
      if (isIssue(released)) {
        this.#ledger.fail([released]);
        held.isConsistent = false;
        continue;
      }
      this.#take(held, released);
      held.releasedAt = new Date().toISOString();
      if (state) held.state = { ...released.state, quiescedAt: state.quiescedAt };
      if (released.isBroken) held.isConsistent = false;
      if (state && !held.isConsistent) this.#missReplaced(task);
    }
  }

  #take(held: Held, { warnings, putBack, streams, part, sizes }: QuiesceResult): void {
    this.#ledger.warn(warnings);
    held.putBack.push(...putBack);
    held.streams.push(...streams);
    if (part !== '') this.#onKept({ part, sizes });
  }

  /** Nobody has captured the files of these claims, and what was to take their place cannot be relied on. */
  #missReplaced({ replaces = [], ...task }: QuiesceTask): void {
    const missing = replaces.map((claim) => ({
      code: 'VolumeNotCaptured',
      message: `volume of claim ${task.namespace}/${claim}: its files are left out for what ${task.plugin} keeps, and that is not whole`,
      advice: 'back up again, or let the plugin capture files (docs/plugins.md)',
    }));
    this.#ledger.fail(missing);
  }

  #lose(held: Held, cause: string): void {
    held.isConsistent = false;
    const advice = 'what was captured of it is as consistent as its method makes it';
    this.#ledger.warn([{ code: 'QuiesceLost', message: `${nameOf(held.task)} was not held to the end: ${cause}`, advice }]);
  }

  #taskOf(task: QuiesceTask) {
    return { backup: this.#input, runId: workflowInfo().runId, task };
  }
}

function notQuiesced(task: QuiesceTask, cause: string): Issue {
  const what = task.onError === 'fail' ? 'is not captured, because it could not be quiesced' : 'is captured without being quiesced';
  return { code: 'NotQuiesced', message: `${nameOf(task)} ${what}: ${cause}`, advice: 'see docs/plugins.md' };
}

function nameOf({ plugin, namespace, application }: QuiesceTask): string {
  return `${plugin} of ${namespace}/${application}`;
}
