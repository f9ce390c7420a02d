import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, isObject, listAt, objectAt, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext } from '../plugin.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { describeTask, taskFailure } from '../task.ts';
import type { IndexCount } from './documents.ts';
import { countDocuments, digestOf } from './documents.ts';
import type { SearchApi } from './search-api.ts';

const OURS = 'holdfast';
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

/** A snapshot that is whole, and what it holds. */
export interface TakenSnapshot {
  readonly name: string;
  /** As the server describes it. */
  readonly facts: JsonObject;
  readonly counts: ReadonlyMap<string, IndexCount>;
  /** The indices that nobody wrote to while it was taken: their counts are those of the snapshot. */
  readonly still: ReadonlySet<string>;
}

/** The same for every attempt of a run. */
export function snapshotName(task: QuiesceTask, { run }: Pick<PluginContext, 'run'>): string {
  return `${OURS}-${createHash('sha256').update(`${run} ${task.id}`).digest('hex').slice(0, 16)}`;
}

/**
 * Takes the snapshot of this run: all indices, data streams and the state of the cluster, every shard or nothing. One that an earlier attempt has
 * taken, or takes still, is that snapshot. Rejects with `Conflict` when it does not become whole, and has deleted it then.
 */
export async function takeSnapshot(
  task: QuiesceTask,
  { api, context, repository }: { readonly api: SearchApi; readonly context: PluginContext; readonly repository: string },
): Promise<TakenSnapshot> {
  const name = snapshotName(task, context);
  const path = pathOf(repository, name);
  let before: ReadonlyMap<string, IndexCount> = new Map();
  let found = await findSnapshot(api, repository, name);
  if (found && isBroken(found)) {
    await deleteSnapshot(api, repository, name);
    found = undefined;
  }
  if (!found) {
    before = await countDocuments(api);
    const metadata = { taken_by: OURS, writes: digestOf(before) };
    await api.call('PUT', path, { indices: '*', include_global_state: true, partial: false, metadata });
  }
  const facts = await finished({ api, context, repository, name });
  if (textAt(facts, 'state') !== 'SUCCESS') {
    await deleteSnapshot(api, repository, name);
    throw taskFailure(
      task,
      `its snapshot became ${textAt(facts, 'state')}: ${firstFailure(facts)}`,
      'make the cluster green, and back up again',
    );
  }
  const counts = await countDocuments(api);
  const isAllStill = textAt(facts, 'metadata', 'writes') === digestOf(counts);
  const still = [...counts].filter(([index, { mark }]) => isAllStill || before.get(index)?.mark === mark);
  return { name, facts, counts, still: new Set(still.map(([index]) => index)) };
}

/** As the server describes it; undefined when there is none, or no such repository. */
async function findSnapshot(api: SearchApi, repository: string, name: string): Promise<JsonObject | undefined> {
  const answer = await api.ask('GET', pathOf(repository, name));
  if (answer.status === 404) return undefined;
  if (answer.status >= 300) throw api.refused(`the snapshot ${name}`, answer);
  const [snapshot] = listAt(answer.body, 'snapshots');
  return isObject(snapshot) ? snapshot : undefined;
}

/** Our snapshots in the repository, the newest first; none when there is no such repository. */
export async function ownSnapshots(api: SearchApi, repository: string): Promise<readonly JsonObject[]> {
  const answer = await api.ask('GET', pathOf(repository, `${OURS}-*`));
  if (answer.status === 404) return [];
  if (answer.status >= 300) throw api.refused('the list of snapshots', answer);
  return listAt(answer.body, 'snapshots')
    .filter(isObject)
    .filter((snapshot) => textAt(snapshot, 'metadata', 'taken_by') === OURS)
    .sort((a, b) => startOf(b) - startOf(a));
}

/** Neither whole nor on the way to be. */
export function isBroken(snapshot: JsonObject): boolean {
  return !['SUCCESS', 'IN_PROGRESS'].includes(textAt(snapshot, 'state'));
}

/** Deletes a snapshot, also one that is being taken. Succeeds when there is none. */
export async function deleteSnapshot(api: SearchApi, repository: string, name: string): Promise<void> {
  const answer = await api.ask('DELETE', pathOf(repository, name));
  if (answer.status >= 300 && answer.status !== 404) throw api.refused(`deleting the snapshot ${name}`, answer);
}

/** Waits a little, each time longer. Rejects with the signal's reason. */
export async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  await delay(Math.min(FIRST_PAUSE_MS * 1.5 ** attempt, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}

async function finished(taking: {
  readonly api: SearchApi;
  readonly context: PluginContext;
  readonly repository: string;
  readonly name: string;
}): Promise<JsonObject> {
  const { api, context, repository, name } = taking;
  for (let attempt = 0; ; attempt += 1) {
    const facts = await findSnapshot(api, repository, name);
    if (!facts) return { state: 'MISSING' };
    if (textAt(facts, 'state') !== 'IN_PROGRESS') return facts;
    await pause(attempt, context.signal);
  }
}

/** `NotFound` when a backup's snapshot is not in its repository, or not whole. */
export async function requireSnapshot(
  task: QuiesceTask,
  api: SearchApi,
  at: { readonly repository: string; readonly name: string },
): Promise<JsonObject> {
  const facts = await findSnapshot(api, at.repository, at.name);
  if (facts && textAt(facts, 'state') === 'SUCCESS') return facts;
  const what = facts ? `is ${textAt(facts, 'state')}` : 'is not there';
  throw new HoldfastError(FailureType.NotFound, `${describeTask(task)}: snapshot ${at.name} of repository ${at.repository} ${what}`, {
    advice: 'restore the volume that holds the repository, or register the repository that the backup names',
  });
}

function pathOf(repository: string, name: string): string {
  return `/_snapshot/${encodeURIComponent(repository)}/${name}`;
}

function firstFailure(facts: JsonObject): string {
  const [failure] = listAt(facts, 'failures');
  return (
    briefly([textAt(failure, 'index'), textAt(failure, 'reason'), textAt(facts, 'reason')].filter((word) => word !== '').join(' ')) ||
    'it says no more'
  );
}

function startOf(snapshot: JsonObject): number {
  const start = field(objectAt(snapshot), 'start_time_in_millis');
  return typeof start === 'number' ? start : 0;
}
