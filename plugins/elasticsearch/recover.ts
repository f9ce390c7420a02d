import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { RecoverContext, RecoverOutcome } from '../plugin.ts';
import { taskFailure, taskWarning } from '../task.ts';
import { awaitCluster, awaitRestored } from './await-restored.ts';
import { countDocuments, readKeptIndices, systemIndices } from './documents.ts';
import { chooseIndices, renameRule, type Choice } from './choose-indices.ts';
import { repositoryName, reopenRepository } from './repository.ts';
import { shardsNow } from './restored-shards.ts';
import { SearchApi } from './search-api.ts';
import { requireSnapshot } from './snapshot.ts';

interface Recovery {
  readonly task: QuiesceTask;
  readonly api: SearchApi;
  readonly context: RecoverContext;
  readonly repository: string;
  readonly snapshot: string;
}

/**
 * Brings the snapshot of a backup back into a cluster that runs, and compares the documents with those that were counted. An index that is
 * there is left, unless `inPlace`, or the option `rename` gives the restored ones other names. Safe to repeat: what an earlier attempt began is
 * waited for. Rejects with `Conflict` when an index cannot be restored, or holds another number of documents.
 */
export async function recoverSearchEngine(
  task: QuiesceTask,
  state: JsonObject,
  { context, indices }: { readonly context: RecoverContext; readonly indices: AsyncIterable<Buffer> },
): Promise<RecoverOutcome> {
  const rename = renameRule(task, context.options['rename'] ?? '');
  const kept = readKeptIndices(parseLossless(await textOf(indices)));
  const api = new SearchApi(task, context);
  await awaitCluster(api, context);
  const snapshot = textAt(state, 'snapshot');
  const earlier = await shardsNow(api, snapshot);
  const repository = earlier.isRestoring ? repositoryName(task) : await reopenRepository(task, api, state);
  const recovery = { task, api, context, repository, snapshot };
  const facts = await requireSnapshot(task, api, { repository, name: snapshot });
  const choice = chooseIndices(kept, { shards: earlier, system: systemIndices(facts), inPlace: context.inPlace, rename });
  if (choice.restored.length === 0) return nothingRestored(task, choice);
  if (choice.wanted.length > 0 || choice.withState) await restore(recovery, choice, rename);
  const weak = await awaitRestored(task, { api, context, indices: choice.restored.map(({ name }) => name) });
  await compare(recovery, choice);
  return { warnings: [...leftWarnings(task, choice), ...weak] };
}

/** Asks the server to begin. What lies in the way goes: indices are closed and restored over, data streams can only be deleted. */
async function restore({ api, repository, snapshot }: Recovery, choice: Choice, rename: string): Promise<void> {
  for (const stream of choice.streamsInTheWay) await api.call('DELETE', `/_data_stream/${encodeURIComponent(stream)}`);
  for (const index of choice.inTheWay) await api.call('POST', `/${encodeURIComponent(index)}/_close`);
  const renaming = rename === '' ? {} : { rename_pattern: '(.+)', rename_replacement: rename };
  // A list of nothing would mean everything.
  const indices = choice.wanted.length === 0 ? '-*' : choice.wanted.join(',');
  const body = { indices, include_global_state: choice.withState, include_aliases: rename === '', ...renaming };
  await api.call('POST', `/_snapshot/${encodeURIComponent(repository)}/${snapshot}/_restore`, body);
}

async function compare({ task, api }: Recovery, { restored }: Choice): Promise<void> {
  const counts = await countDocuments(api);
  const wrong = restored.flatMap(({ name, documents }) => {
    const now = counts.get(name)?.documents ?? 0;
    return documents === undefined || documents === now ? [] : [`${name} has ${now} documents, and had ${documents}`];
  });
  if (wrong.length === 0) return;
  const more = wrong.length > 3 ? ` and ${wrong.length - 3} more` : '';
  throw taskFailure(
    task,
    `what was restored is not what was captured: ${wrong.slice(0, 3).join('; ')}${more}`,
    'somebody may have written to it since; restore again with --in-place',
  );
}

function nothingRestored(task: QuiesceTask, choice: Choice): RecoverOutcome {
  if (choice.left.length === 0) return { warnings: [] };
  return {
    left: `all of its ${choice.left.length} indices are there; --in-place restores over them`,
    warnings: leftWarnings(task, { ...choice, left: [] }),
  };
}

function leftWarnings(task: QuiesceTask, { left, hidden }: Pick<Choice, 'left' | 'hidden'>): readonly Issue[] {
  const someOf = (names: readonly string[]) => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
  const issues: Issue[] = [];
  if (left.length > 0) {
    const problem = `indices that are there were left as they are, and so was the state of the cluster: ${someOf(left)}`;
    issues.push(
      taskWarning(task, { code: 'IndicesLeft', problem, advice: 'restore with --in-place, or under other names with the option rename' }),
    );
  }
  if (hidden.length > 0) {
    const problem = `the server's own indices that are there were left as they are: ${someOf(hidden)}`;
    issues.push(taskWarning(task, { code: 'IndicesLeft', problem, advice: 'nothing, unless you keep data of your own in them' }));
  }
  return issues;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
