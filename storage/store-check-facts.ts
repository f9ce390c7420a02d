import type { StoreFacts } from './object-store.ts';
import type { StoreProbe } from './store-check.ts';
import { nameOfRight } from './store-rights.ts';

/** Answers have whole seconds, and take a while. */
const CLOCK_WARNING_MS = 5_000;
/** Stores refuse signatures of clocks that differ by more. */
const CLOCK_ERROR_MS = 15 * 60_000;

/** Clock, versions and locks. */
export async function checkFacts(probe: StoreProbe): Promise<void> {
  const before = probe.now();
  const facts = await probe.store.facts(probe.call);
  checkClock(probe, Date.parse(facts.serverTime) - (before + probe.now()) / 2);
  checkVersions(probe, facts);
  await checkLocks(probe, facts);
}

function checkClock(probe: StoreProbe, differenceMs: number): void {
  const seconds = Math.round(Math.abs(differenceMs) / 1000);
  const detail = `the clock of this machine is ${seconds} s ${differenceMs > 0 ? 'behind' : 'ahead of'} the store's`;
  const advice = 'set the clock: the ages of backups, locks and grace periods depend on it';
  if (Math.abs(differenceMs) > CLOCK_ERROR_MS) probe.error('clock', detail, advice);
  else if (Math.abs(differenceMs) > CLOCK_WARNING_MS) probe.warn('clock', detail, advice);
  else probe.ok('clock', 'the clocks agree');
}

function checkVersions(probe: StoreProbe, { versioning }: StoreFacts): void {
  if (probe.store.place.scheme === 'file') return;
  if (versioning === undefined) {
    probe.warn('versions', 'it is not known whether earlier versions are kept', `grant ${nameOfRight(probe.store.place, 'facts')}`);
    return;
  }
  probe.ok('versions', versioning ? 'earlier versions of objects are kept' : 'earlier versions of objects are not kept');
}

async function checkLocks(probe: StoreProbe, { objectLock }: StoreFacts): Promise<void> {
  const { lock } = probe.options;
  const { store } = probe;
  if (!lock) {
    if (objectLock === true) {
      probe.warn('object lock', 'the bucket can lock objects, but the location sets no locks', 'set them with --lock-mode and --lock-days');
    }
    return;
  }
  if (objectLock === false) {
    probe.error('object lock', 'the location asks for locks, but the bucket cannot lock objects', 'make a bucket with object lock enabled');
    return;
  }
  const until = (await store.stat(probe.key('object'), probe.call))?.lockedUntil;
  if (until !== undefined) {
    probe.ok('object lock', `new objects are locked for ${lock.days} days (${lock.mode})`);
    return;
  }
  const advice = `grant ${nameOfRight(store.place, 'lock')}, or correct the settings of the bucket`;
  probe.warn('object lock', 'new objects do not show the lock that the location asks for', advice);
}
