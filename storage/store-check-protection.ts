import { HoldfastError } from '../contracts/failures.ts';
import type { ObjectStore } from './object-store.ts';
import type { StoreProbe } from './store-check.ts';
import { nameOfRight } from './store-rights.ts';

/** What somebody could do to backups who has taken over a machine with these credentials. */
export async function checkOverwriting(probe: StoreProbe): Promise<void> {
  const { store, call } = probe;
  if (!store.tryOverwrite) return;
  const refusal = await refused(() => store.tryOverwrite?.(probe.key('list-a'), Buffer.from('overwritten'), call));
  if (refusal) {
    probe.ok('overwriting', `is refused (${refusal.type === 'Locked' ? 'by a lock' : 'by the rights of these credentials'})`);
  } else if (store.place.scheme === 'file') {
    probe.ok('overwriting', 'is possible for every program of this user, as in every folder');
  } else if ((await store.facts(call)).versioning === true) {
    probe.ok('overwriting', 'hides an object, but its earlier version is kept');
  } else {
    const advice = 'enable versions or object lock, or let the policy of the bucket demand conditional writes';
    probe.warn('overwriting', 'whoever takes over these credentials can replace backups by rubbish', advice);
  }
}

/** The identity that writes should not be able to delete; the one for maintenance must be. */
export async function checkDeletion(probe: StoreProbe): Promise<void> {
  const { store, options } = probe;
  const { maintenance } = options;
  const refusal = await refused(() => store.delete(probe.key('two-writers'), probe.call));
  if (refusal?.type === 'Locked') probe.ok('deletion', 'is refused by a lock');
  else if (refusal) writerMayNot(probe, maintenance);
  else writerMay(probe, maintenance);
  if (!maintenance) return;
  const problem = await refused(() => maintenance.delete(probe.key('list-0'), probe.call));
  if (!problem) probe.ok('maintenance', 'its credentials may delete');
  else if (problem.type === 'Locked') probe.ok('maintenance', 'its credentials cannot delete what is locked either');
  else probe.failed('maintenance', problem, 'delete');
}

function writerMayNot(probe: StoreProbe, maintenance: ObjectStore | undefined): void {
  if (maintenance) {
    probe.ok('deletion', 'the credentials that write may not delete');
    return;
  }
  const advice = `name other credentials with --maintenance-..., or grant ${nameOfRight(probe.store.place, 'delete')}`;
  probe.warn('deletion', 'these credentials may not delete: that is safe, but prune, delete and gc need others', advice);
}

function writerMay(probe: StoreProbe, maintenance: ObjectStore | undefined): void {
  if (probe.store.place.scheme === 'file') {
    probe.ok('deletion', 'is possible for every program of this user, as in every folder');
    return;
  }
  const right = nameOfRight(probe.store.place, 'delete');
  const advice = maintenance
    ? `take ${right} from the credentials that write: the maintenance credentials have it`
    : `use credentials without ${right} for backups and others for maintenance, or lock objects (see docs/locations.md)`;
  probe.warn('deletion', 'whoever takes over these credentials can delete the backups', advice);
}

/** Why it was refused; undefined when it was done. Other failures are not a refusal. */
async function refused(action: () => Promise<void> | undefined): Promise<HoldfastError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError && (error.type === 'Forbidden' || error.type === 'Locked')) return error;
    throw error;
  }
}
