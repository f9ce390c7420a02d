import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { RestoreProjectResult } from '../../contracts/restore.ts';
import {
  canonical,
  countsByKind,
  isProjects,
  objectKey,
  snapshotDifferences,
  takeSnapshot,
  type Snapshot,
  type SnapshotOptions,
} from './canonical.ts';
import { canariesInFolder, findCanaries } from './canaries.ts';
import { auditLocation, doubles, type LocationAudit } from './location-audit.ts';
import type { RunOutcome, TestPlace } from './place.ts';

export interface InvariantInput {
  readonly place: TestPlace;
  /** Name of the location that the runs used. */
  readonly location: string;
  readonly runs?: readonly RunOutcome<BackupProjectResult | RestoreProjectResult>[];
  /** Within this long every run must have ended. */
  readonly deadlineMs?: number;
  /** By name of a backup: what was in the cluster when it was made, and may therefore be in it. */
  readonly captured?: Readonly<Record<string, Captured>>;
  /** What must be in the cluster now. */
  readonly live?: readonly Live[];
}

export interface Captured {
  readonly snapshot: Snapshot;
  /** Kinds (`group/Kind`) that the backup is known to lack: it says so itself and is not Completed. */
  readonly lacks?: readonly string[];
  /** Also restore it into fresh namespaces, compare, and remove them again: captured namespace to fresh one. */
  readonly restoreInto?: Readonly<Record<string, string>>;
}

export interface Live {
  readonly expected: Snapshot;
  readonly namespaces: readonly string[];
  readonly options?: SnapshotOptions;
}

/** Whatever would put secrets at rest in a place where they can be read, most of all our own temporary files. */
const MAX_REPORTED = 20;

/**
 * The six invariants of reliability.md, to be checked after every fault; an empty list means that they hold. It reads the location past
 * every proxy and to the last byte, and compares with an own notion of equality.
 */
export async function checkInvariants(input: InvariantInput): Promise<readonly string[]> {
  const location = input.place.locations.get(input.location);
  if (!location) throw new Error(`no location ${input.location}`);
  const audit = await auditLocation(location.store, location.identity);
  return [
    ...(await completedMeansEqual(input, audit)),
    ...audit.problems.map((problem) => `2/5: ${problem}`),
    ...(await nothingLostOrDoubled(input, audit)),
    ...(await noSecretLeaked(input, audit)),
    ...everyRunEnded(input),
  ];
}

/** 1. A backup shown as completed restores to canonical equality with what was captured. */
async function completedMeansEqual({ place, location, captured = {} }: InvariantInput, audit: LocationAudit): Promise<string[]> {
  const violations: string[] = [];
  for (const [name, { snapshot, lacks = [], restoreInto }] of Object.entries(captured)) {
    const entry = audit.backups.find(({ manifest }) => manifest.name === name);
    if (!entry) continue;
    const { manifest } = entry;
    if (manifest.phase === 'Completed' && (lacks.length > 0 || manifest.errors.length > 0)) {
      violations.push(`1: backup ${name} is shown as completed although it lacks ${lacks.join(', ') || 'something: it has errors'}`);
    }
    const expected = new Map([...snapshot].filter(([key]) => !lacks.includes(kindOf(key))));
    violations.push(...withNumber(1, `backup ${name}`, snapshotDifferences(expected, await storedSnapshot(audit, name, snapshot))));
    if (restoreInto === undefined) continue;
    const restored = await place.restore(`proof-${name}`, { backup: name, location, namespaceMapping: restoreInto });
    if (restored.result?.phase !== 'Completed') {
      const { result, failure } = restored;
      violations.push(
        `1: the restore of ${name} ended as ${result?.phase ?? failure?.message ?? ''}: ${JSON.stringify(result?.errors ?? [])} ${JSON.stringify(result?.verification.differences ?? [])}`,
      );
    }
    const back = Object.fromEntries(Object.entries(restoreInto).map(([from, to]) => [to, from]));
    const found = await takeSnapshot(place.api, Object.values(restoreInto), { rename: back });
    const namespaced = new Map([...expected].filter(([key]) => key.includes('/', key.indexOf(' ')) || key.startsWith('Namespace ')));
    violations.push(...withNumber(1, `what ${name} was restored to`, snapshotDifferences(namespaced, found)));
    await place.api.removeNamespaces(...Object.values(restoreInto));
  }
  return violations;
}

/** 3. No object lost or created twice. */
async function nothingLostOrDoubled({ place, live = [] }: InvariantInput, audit: LocationAudit): Promise<string[]> {
  const violations: string[] = [];
  for (const { manifest } of audit.backups) {
    const records = await audit.records(manifest.name);
    violations.push(...withNumber(3, `stored twice in ${manifest.name}`, doubles(records)));
    const counted = manifest.kinds.reduce((sum, { count }) => sum + count, 0);
    if (counted !== records.length) violations.push(`3: backup ${manifest.name} counts ${counted} objects and holds ${records.length}`);
  }
  for (const { expected, namespaces, options } of live) {
    const found = await takeSnapshot(place.api, namespaces, options);
    const [there, wanted] = [countsByKind(found), countsByKind(expected)];
    const kinds = new Set([...Object.keys(there), ...Object.keys(wanted)]);
    for (const kind of kinds) {
      if (there[kind] !== wanted[kind]) violations.push(`3: ${wanted[kind] ?? 0} ${kind} expected, ${there[kind] ?? 0} in the cluster`);
    }
    violations.push(...withNumber(3, 'in the cluster', snapshotDifferences(expected, found)));
  }
  return violations;
}

/** 4. No secret canary in logs, Temporal history, temporary files, output or plain bytes in the location. */
async function noSecretLeaked({ place, location }: InvariantInput, audit: LocationAudit): Promise<string[]> {
  const { canaries } = place;
  const found: string[] = [];
  for (const folder of place.watchedFolders) found.push(...(await canariesInFolder(folder, canaries)));
  for (const output of place.outputs)
    found.push(...findCanaries('printed by a command', Buffer.from(output.stdout + output.stderr), canaries));
  const store = place.locations.get(location)?.store;
  for (const key of audit.keys) {
    found.push(...findCanaries(`name ${key}`, Buffer.from(key), canaries));
    if (store) found.push(...findCanaries(`object ${key}`, await store.read(key), canaries));
  }
  return found.map((where) => `4: ${where}`);
}

/** 6. Every run has ended within its deadline: completed, partially failed with a list, or failed with a cause. */
function everyRunEnded({ runs = [], deadlineMs = Infinity }: InvariantInput): string[] {
  return runs.flatMap(({ name, result, failure, elapsedMs }) => {
    const late = elapsedMs > deadlineMs ? [`6: ${name} took ${Math.round(elapsedMs)} ms`] : [];
    if (result === undefined) return failure && failure.message !== '' ? late : [...late, `6: ${name} failed without a cause`];
    if (result.phase === 'Completed') return result.errors.length === 0 ? late : [...late, `6: ${name} is completed and has errors`];
    const explained = result.errors.length > 0 || ('failed' in result && (result.failed > 0 || !result.verification.equal));
    return explained && ['PartiallyFailed', 'Failed'].includes(result.phase)
      ? late
      : [...late, `6: ${name} ended as ${result.phase} without a list`];
  });
}

/** What a backup holds of the project that a snapshot is about. */
async function storedSnapshot(audit: LocationAudit, name: string, about: Snapshot): Promise<Snapshot> {
  const namespaces = new Set([...about.keys()].flatMap((key) => /^Namespace (.*)$/.exec(key)?.[1] ?? []));
  const stored = new Map<string, string>();
  for (const { object } of await audit.records(name)) {
    const key = objectKey(object);
    const { namespace } = object['metadata'] as { readonly namespace?: string };
    const concerned = namespace === undefined ? about.has(key) : namespaces.has(namespace);
    if (concerned && isProjects(object)) stored.set(key, canonical(object));
  }
  return stored;
}

function kindOf(key: string): string {
  return key.slice(0, key.indexOf(' '));
}

function withNumber(invariant: number, what: string, problems: readonly string[]): string[] {
  const shown = problems.slice(0, MAX_REPORTED).map((problem) => `${invariant}: ${what}: ${problem}`);
  return problems.length > MAX_REPORTED ? [...shown, `${invariant}: ${what}: and ${problems.length - MAX_REPORTED} more`] : shown;
}
