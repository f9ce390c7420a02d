import { randomBytes } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { LockPolicy } from './lock-policy.ts';
import type { CallOptions, ObjectStore } from './object-store.ts';
import { checkFacts } from './store-check-facts.ts';
import { checkDeletion, checkOverwriting } from './store-check-protection.ts';
import { checkLarge, checkList, checkObjects, checkReach } from './store-check-objects.ts';
import { nameOfRight, type Right } from './store-rights.ts';

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** `error`: backups cannot be kept here as it is. `warning`: they can, with less protection or convenience. */
  readonly level: 'ok' | 'warning' | 'error';
  readonly detail: string;
  /** What to do; '' when there is nothing to do. */
  readonly advice: string;
}

/** 0 where it was not measured. */
export interface StoreSpeed {
  readonly latencyMs: number;
  readonly uploadBytesPerSecond: number;
  readonly downloadBytesPerSecond: number;
}

export interface StoreCheck {
  readonly url: string;
  /** No finding is an error. */
  readonly usable: boolean;
  readonly findings: readonly Finding[];
  readonly speed: StoreSpeed;
  /** Keys of the check's own objects that could not be removed. */
  readonly leftBehind: readonly string[];
}

export interface StoreCheckOptions extends CallOptions {
  /** The same place with the credentials for deletion. */
  readonly maintenance?: ObjectStore;
  /** What the location asks for. */
  readonly lock?: LockPolicy;
  readonly onStep?: (step: string) => void;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/**
 * The obligations of the port in small, tried on a real place below `checks/`, and what the credentials may do there. Never rejects for what
 * the store does, only with the reason of the signal.
 */
export async function checkStore(store: ObjectStore, options: StoreCheckOptions = {}): Promise<StoreCheck> {
  const probe = new StoreProbe(store, options);
  try {
    for (const [name, step] of STEPS) {
      options.onStep?.(name);
      if (!(await probe.attempt(name, step))) break;
    }
  } finally {
    await probe.cleanUp();
  }
  const { findings, speed, leftBehind } = probe;
  return { url: store.url, usable: findings.every(({ level }) => level !== 'error'), findings, speed, leftBehind };
}

type Step = (probe: StoreProbe) => Promise<void>;

/** Without the first two nothing else can be tried. */
const STEPS: readonly (readonly [name: string, step: Step])[] = [
  ['reach', checkReach],
  ['objects', checkObjects],
  ['list', checkList],
  ['large objects', checkLarge],
  ['settings', checkFacts],
  ['overwriting', checkOverwriting],
  ['deletion', checkDeletion],
];
const FIRST = new Set(['reach', 'objects']);

/** One run of the check: where its objects are and what it has found. */
export class StoreProbe {
  readonly store: ObjectStore;
  readonly options: StoreCheckOptions;
  /** What the check's own keys begin with. No folder of its own: folders would be left behind in a file system. */
  readonly prefix = `checks/${randomBytes(8).toString('hex')}-`;
  readonly findings: Finding[] = [];
  readonly leftBehind: string[] = [];
  speed: StoreSpeed = { latencyMs: 0, uploadBytesPerSecond: 0, downloadBytesPerSecond: 0 };
  readonly #made = new Set<string>();

  constructor(store: ObjectStore, options: StoreCheckOptions) {
    this.store = store;
    this.options = options;
  }

  get call(): CallOptions {
    return this.options.signal ? { signal: this.options.signal } : {};
  }

  now(): number {
    return (this.options.now ?? Date.now)();
  }

  /** A key of this check's own; whatever is there at the end is removed. */
  key(name: string): string {
    this.#made.add(`${this.prefix}${name}`);
    return `${this.prefix}${name}`;
  }

  ok(check: string, detail: string): void {
    this.findings.push({ check, level: 'ok', detail, advice: '' });
  }

  warn(check: string, detail: string, advice: string): void {
    this.findings.push({ check, level: 'warning', detail, advice });
  }

  error(check: string, detail: string, advice: string): void {
    this.findings.push({ check, level: 'error', detail, advice });
  }

  /** For a failure of the store; `right` is what may be missing. */
  failed(check: string, error: unknown, right?: Right): void {
    if (!(error instanceof HoldfastError)) throw error;
    const { scheme } = this.store.place;
    const grant =
      error.type === 'Forbidden' && right !== undefined && scheme !== 'file'
        ? `grant ${nameOfRight(this.store.place, right)}`
        : error.advice;
    this.error(check, error.message.replace(`${this.store.url}: `, ''), grant);
  }

  /** Runs a step; false when those after it make no sense. */
  async attempt(name: string, step: Step): Promise<boolean> {
    this.options.signal?.throwIfAborted();
    try {
      await step(this);
    } catch (error) {
      this.options.signal?.throwIfAborted();
      this.failed(name, error);
    }
    return !FIRST.has(name) || this.findings.every(({ level }) => level !== 'error');
  }

  /** Also after an interruption, so without the signal. */
  async cleanUp(): Promise<void> {
    for (const key of this.#made) {
      const [by, other] = this.options.maintenance ? [this.options.maintenance, this.store] : [this.store, undefined];
      const gone = (await removed(by, key)) || (other !== undefined && (await removed(other, key)));
      if (!gone) this.leftBehind.push(key);
    }
  }
}

/** What cannot be removed and is not there is nothing to leave behind. */
async function removed(store: ObjectStore, key: string): Promise<boolean> {
  try {
    await store.delete(key);
    return true;
  } catch {
    return store.stat(key).then(
      (found) => found === undefined,
      () => false,
    );
  }
}
