/** Which lock a driver puts on each object that it creates. */
export interface LockPolicy {
  /** `governance`: those with a special permission may lift it; `compliance`: nobody may. */
  readonly mode: 'governance' | 'compliance';
  /** Whole days from the creation of the object. */
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** When the lock of an object that is created now ends. */
export function lockEnd(policy: LockPolicy, now = Date.now()): Date {
  return new Date(now + policy.days * DAY_MS);
}
