import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from '../plugin.ts';
import { forRelease, releaseAfter, within } from '../run-command.ts';
import { taskWarning } from '../task.ts';
import { streamsByIndex, type KeptIndex } from './documents.ts';
import { isSearchEngine, planSearchEngines } from './plan.ts';
import { recoverSearchEngine } from './recover.ts';
import { checkFolders, openRepository, repositoryName } from './repository.ts';
import { SearchApi } from './search-api.ts';
import { deleteSnapshot, isBroken, ownSnapshots, snapshotName, takeSnapshot, type TakenSnapshot } from './snapshot.ts';

const NAME = 'elasticsearch';
/** The stream that lists the indices of the snapshot. */
const INDICES = 'indices.json';
/** Snapshots that stay in our repository, so that the next one adds only what is new. Each backup has its own in the captured volume. */
const KEPT_SNAPSHOTS = 3;
const TIDY_S = 60;

/** Elasticsearch and OpenSearch by a snapshot of their own; docs/plugins/elasticsearch.md. Nothing is held: there is no lease. */
export const elasticsearchPlugin: QuiescePlugin = {
  name: NAME,
  detects: isSearchEngine,
  plan: (subject) => planSearchEngines(NAME, subject),
  quiesce: (task, context) =>
    within(context, { task, seconds: task.timeoutSeconds, what: 'the snapshot' }, async (limited) => {
      const api = new SearchApi(task, limited);
      await checkFolders(task, api);
      const repository = await openRepository(task, api);
      try {
        const taken = await takeSnapshot(task, { api, context: limited, repository: repository.name });
        const summary = await keepIndices(api, limited, taken);
        const { name, definition } = repository;
        const state = { snapshot: taken.name, namespace: task.namespace, repository: { name, definition }, ...summary };
        return { state, warnings: [] };
      } catch (error) {
        return releaseAfter(error, task, () => tidy(task, forRelease(context, TIDY_S), { isKept: false }));
      }
    }),
  renew: () => Promise.resolve(),
  release: async (task, state, context) => {
    try {
      await within(context, { task, seconds: TIDY_S, what: 'tidying' }, (limited) => tidy(task, limited, { isKept: state !== undefined }));
      return { state: state?.state ?? {}, warnings: [] };
    } catch (error) {
      context.signal.throwIfAborted();
      return untidy(task, state?.state ?? {}, error);
    }
  },
  recover: (task, state, context) =>
    within(context, { task, seconds: task.timeoutSeconds, what: 'restoring the snapshot' }, (limited) =>
      recoverSearchEngine(task, state, { context: limited, indices: limited.read(INDICES) }),
    ),
};

/** Keeps the list of indices with the backup: it may be too long for a state. */
async function keepIndices(api: SearchApi, { keep }: PluginContext, { facts, counts, still }: TakenSnapshot): Promise<JsonObject> {
  const streams = await streamsByIndex(api);
  const names = listAt(facts, 'indices').filter((name) => typeof name === 'string');
  const indices = names.map((name): KeptIndex => {
    const documents = still.has(name) ? counts.get(name)?.documents : undefined;
    return { name, stream: streams.get(name) ?? '', ...(documents === undefined ? {} : { documents }) };
  });
  await keep(INDICES, once(Buffer.from(JSON.stringify({ indices }))));
  return {
    indices: names.length,
    documents: names.reduce((sum, name) => sum + (counts.get(name)?.documents ?? 0), 0),
    exactlyCounted: indices.filter(({ documents }) => documents !== undefined).length,
  };
}

/**
 * Deletes what is ours and of no use: snapshots that did not become whole, that of a run that was cut off, and in our own repository those
 * beyond the newest few. Only the newest run does the last: an older one could take away what a newer one is being captured with.
 */
async function tidy(task: QuiesceTask, context: PluginContext, { isKept }: { readonly isKept: boolean }): Promise<void> {
  const api = new SearchApi(task, context);
  const repository = repositoryName(task);
  const own = snapshotName(task, context);
  const snapshots = await ownSnapshots(api, repository);
  const whole = snapshots.filter((snapshot) => !isBroken(snapshot));
  const isNewest = textAt(whole[0], 'snapshot') === own;
  const old = isKept && isNewest && textAt(task.settings, 'repository') === '' ? whole.slice(KEPT_SNAPSHOTS) : [];
  const useless = snapshots.filter((snapshot) => isBroken(snapshot) || (!isKept && textAt(snapshot, 'snapshot') === own));
  for (const snapshot of [...useless, ...old]) await deleteSnapshot(api, repository, textAt(snapshot, 'snapshot'));
}

function untidy(task: QuiesceTask, state: JsonObject, error: unknown): QuiesceOutcome {
  const problem = `old snapshots could not be deleted: ${error instanceof Error ? error.message : String(error)}`;
  const advice = 'the next backup tries again; the backup itself is whole';
  return { state, warnings: [taskWarning(task, { code: 'NotTidied', problem, advice })] };
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(content);
}
