import { HoldfastError, FailureType } from '../../contracts/failures.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, objectAt, textAt } from '../../domain/resource/fields.ts';
import type { RecoverContext } from '../plugin.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { taskFailure, taskWarning } from '../task.ts';
import type { SearchApi } from './search-api.ts';
import { pause } from './snapshot.ts';

/** Looks in a row at which nothing moves, most of them three seconds after the last, after which a shard will not come by itself. */
const PATIENCE = 20;

/** Waits until the server answers and has a master. Rejects with the signal's reason. */
export async function awaitCluster(api: SearchApi, { signal }: Pick<RecoverContext, 'signal'>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const status = await answerOf(api);
    if (status === 200) return;
    // A node that has just started knows nobody for a while.
    if ((status === 401 || status === 403) && attempt > PATIENCE) throw api.refused('its health', { status, body: null });
    await pause(attempt, signal);
  }
}

/**
 * Waits until every shard of the indices is there, with its replicas as far as there are nodes for them: what is missing of those is an issue.
 * Rejects with `Conflict` when a shard cannot be restored, with the server's reason.
 */
export async function awaitRestored(
  task: QuiesceTask,
  { api, context, indices }: { readonly api: SearchApi; readonly context: RecoverContext; readonly indices: readonly string[] },
): Promise<readonly Issue[]> {
  let idle = 0;
  for (let attempt = 0; ; attempt += 1) {
    const { status, body: health } = await api.ask('GET', '/_cluster/health?level=indices&expand_wildcards=all');
    // While the server's own users are restored it may know nobody.
    if (status >= 300 && idle > PATIENCE) throw api.refused('its health', { status, body: health });
    const missing = indices.map((name) => ({ name, index: objectAt(health, 'indices', name) })).filter(({ index }) => !isGreen(index));
    const nodes = numberAt(health, 'number_of_data_nodes');
    const ready = missing.filter(({ index }) => isAsGoodAsItGets(index, nodes));
    if (ready.length === missing.length) return ready.length === 0 ? [] : [yellow(task, ready.length, nodes)];
    const isIdle = numberAt(health, 'initializing_shards') === 0 && numberAt(health, 'relocating_shards') === 0;
    idle = isIdle ? idle + 1 : 0;
    const [first] = missing.filter((one) => !ready.includes(one));
    if (status < 300 && idle > PATIENCE) throw await stuck(task, api, first?.name ?? '');
    await pause(attempt, context.signal);
  }
}

async function answerOf(api: SearchApi): Promise<number> {
  try {
    return (await api.ask('GET', '/_cluster/health?local=false&master_timeout=5s')).status;
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.Unavailable) return 0;
    throw error;
  }
}

function isGreen(index: JsonObject): boolean {
  return textAt(index, 'status') === 'green' && hasAllPrimaries(index);
}

/** A cluster that restores calls an index yellow whose primaries are still missing. */
function hasAllPrimaries(index: JsonObject): boolean {
  return numberAt(index, 'number_of_shards') > 0 && numberAt(index, 'active_primary_shards') === numberAt(index, 'number_of_shards');
}

/** All but the replicas for which there is no node. */
function isAsGoodAsItGets(index: JsonObject, nodes: number): boolean {
  const copies = Math.min(numberAt(index, 'number_of_replicas') + 1, nodes);
  return hasAllPrimaries(index) && numberAt(index, 'active_shards') >= copies * numberAt(index, 'number_of_shards');
}

function yellow(task: QuiesceTask, count: number, nodes: number): Issue {
  const problem = `${count} indices are yellow: they want more replicas than ${nodes === 1 ? 'one node' : `${nodes} nodes`} can hold`;
  return taskWarning(task, { code: 'FewerReplicas', problem, advice: 'add nodes; all documents are there' });
}

async function stuck(task: QuiesceTask, api: SearchApi, index: string): Promise<HoldfastError> {
  const answer = await api.ask('POST', '/_cluster/allocation/explain', { index, shard: 0, primary: true });
  const why = textAt(answer.body, 'unassigned_info', 'details') || textAt(answer.body, 'allocate_explanation');
  return taskFailure(
    task,
    `index ${index} does not come back: ${briefly(why) || 'a shard has no node'}`,
    'correct what it says, and restore again with --in-place',
  );
}

function numberAt(value: Json | undefined, key: string): number {
  const found = field(value, key);
  return typeof found === 'number' ? found : 0;
}
