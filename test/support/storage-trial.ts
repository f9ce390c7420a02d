import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { RestoreProjectResult } from '../../contracts/restore.ts';
import { takeSnapshot, type Snapshot } from './canonical.ts';
import { status, type FaultRule, type ProxiedRequest } from './fault-rules.ts';
import { checkInvariants } from './invariants.ts';
import type { RunOutcome, StartedRun, TestPlace } from './place.ts';
import type { StorageLane } from './proxied.ts';
import type { StorageServer } from './storage-server.ts';
import { createWorkload, type WorkloadSize } from './workload.ts';

/** Within this long every run of a trial must have ended. */
const DEADLINE_MS = 120_000;
/** How many objects are new in each backup. */
const CHANGED = 20;

/** Name of the rules below in `FaultProxy.done`. */
const BAD = 'bad';
const CONTENT = /\/(packs|index|manifests)\//;

/** What storage does now and then, in the words of its kind. Every run must get over it. */
export const PASSING_FAULTS: readonly (readonly [what: string, rules: (server: StorageServer) => readonly FaultRule[]])[] = [
  [
    'answers 500 or 503 to three requests of ten',
    () => [
      { name: BAD, fault: status(503), probability: 0.15 },
      { name: BAD, fault: status(500), probability: 0.18 },
    ],
  ],
  [
    'asks to slow down, and for how long',
    ({ writes, says }) => [
      { name: BAD, fault: says.slowDown, method: writes, first: 3 },
      { name: BAD, fault: says.slowDown, method: 'GET', path: CONTENT, first: 2 },
    ],
  ],
  [
    'is slow, and sends half of its answers in drops',
    () => [
      { name: BAD, fault: { kind: 'slow-body', pieceBytes: 256, pauseMs: 10 }, method: 'GET', probability: 0.5 },
      { name: BAD, fault: { kind: 'delay', ms: 50 } },
    ],
  ],
  [
    'resets connections in the middle of answers',
    () => [{ name: BAD, fault: { kind: 'reset-body', afterBytes: 40 }, method: 'GET', probability: 0.3 }],
  ],
  ['resets connections before it has heard the request', () => [{ name: BAD, fault: { kind: 'reset' }, probability: 0.25 }]],
  [
    'sends one wrong byte',
    () => [{ name: BAD, fault: { kind: 'wrong-byte' }, method: 'GET', path: CONTENT, where: asksForContent, first: 1 }],
  ],
  [
    'cuts answers that look whole, lists among them',
    () => [
      { name: BAD, fault: { kind: 'truncate', afterBytes: 30 }, method: 'GET', path: CONTENT, where: asksForContent, first: 1 },
      { name: BAD, fault: { kind: 'truncate', afterBytes: 300 }, method: 'GET', path: /[?&]prefix=/, first: 2 },
    ],
  ],
  [
    'does it and loses the answer, for every second write',
    ({ writes }) => [{ name: BAD, fault: { kind: 'lose-answer' }, method: writes, probability: 0.5 }],
  ],
];

/** What a trial must come to. */
export const UNHARMED = {
  run: { result: { phase: 'Completed', errors: [] } },
  restored: { result: { phase: 'Completed', failed: 0, verification: { equal: true } } },
  violations: [],
} as const;

export interface Undergone {
  readonly run: RunOutcome<BackupProjectResult>;
  readonly restored: RunOutcome<RestoreProjectResult>;
  readonly violations: readonly string[];
  /** How often the rules did their work. */
  readonly faults: number;
}

/** A project that changes before each backup, so that there is something to upload while its storage fails. */
export class StorageTrial {
  readonly place: TestPlace;
  readonly namespace: string;
  /** The project as it is now. */
  expected: Snapshot;
  #changes = 0;

  private constructor(place: TestPlace, namespace: string, expected: Snapshot) {
    this.place = place;
    this.namespace = namespace;
    this.expected = expected;
  }

  static async open(place: TestPlace, namespace: string, size: WorkloadSize): Promise<StorageTrial> {
    await createWorkload(place, namespace, size);
    return new StorageTrial(place, namespace, await takeSnapshot(place.api, [namespace]));
  }

  async change(): Promise<void> {
    this.#changes += 1;
    for (let index = 0; index < CHANGED; index += 1) {
      const metadata = { name: `config-${String(index).padStart(4, '0')}`, namespace: this.namespace };
      await this.place.api.mergePatch({ apiVersion: 'v1', kind: 'ConfigMap', metadata }, { data: { changed: `change ${this.#changes}` } });
    }
    this.expected = await takeSnapshot(this.place.api, [this.namespace]);
  }

  startBackup(lane: StorageLane, suffix = ''): Promise<StartedRun<BackupProjectResult>> {
    const name = `${lane.name}-${this.#changes}${suffix}`;
    return this.place.startBackup(name, { cluster: lane.cluster, location: lane.name, namespaces: [this.namespace] });
  }

  async backup(lane: StorageLane, suffix = ''): Promise<RunOutcome<BackupProjectResult>> {
    return (await this.startBackup(lane, suffix)).outcome();
  }

  /** Backs up and restores under the rules. */
  async undergo(lane: StorageLane, rules: readonly FaultRule[]): Promise<Undergone> {
    const before = lane.storage.done[BAD] ?? 0;
    lane.storage.rules(...rules);
    const run = await this.backup(lane);
    const copy = `copy-${run.name}`;
    const restored = await this.place.restore(`restore-${run.name}`, {
      backup: run.name,
      cluster: lane.cluster,
      location: lane.name,
      namespaceMapping: { [this.namespace]: copy },
    });
    lane.storage.rules();
    const live = [{ expected: this.expected, namespaces: [copy], options: { rename: { [copy]: this.namespace } } }];
    const violations = await this.violations(lane, [run, restored], { captured: { [run.name]: { snapshot: this.expected } }, live });
    return { run, restored, violations, faults: (lane.storage.done[BAD] ?? 0) - before };
  }

  /** The six invariants, for runs into one location. */
  violations(
    lane: Pick<StorageLane, 'name'>,
    runs: readonly RunOutcome<BackupProjectResult | RestoreProjectResult>[],
    more: Partial<Pick<Parameters<typeof checkInvariants>[0], 'captured' | 'live'>> = {},
  ): Promise<readonly string[]> {
    return checkInvariants({ place: this.place, location: lane.name, runs, deadlineMs: DEADLINE_MS, ...more });
  }

  /** A backup that must be whole, and that shows of an earlier one only what is whole. */
  async nextIsWhole(lane: StorageLane): Promise<readonly string[]> {
    const again = await this.backup(lane, '-again');
    const unfinished = again.result?.phase === 'Completed' && again.result.errors.length === 0 ? [] : [JSON.stringify(again)];
    return [...unfinished, ...(await this.violations(lane, [again], { captured: { [again.name]: { snapshot: this.expected } } }))];
  }
}

/** Lists and descriptions of objects have no checksum of ours: the connection's has to do. */
function asksForContent({ path }: ProxiedRequest): boolean {
  return !/[?&](prefix|fields)=/.test(path);
}
