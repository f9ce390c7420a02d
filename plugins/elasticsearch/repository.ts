import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { field, isList, objectAt, textAt, without } from '../../domain/resource/fields.ts';
import { locateInClaims, readMounts } from '../pod-containers.ts';
import { describeTask } from '../task.ts';
import type { SearchApi } from './search-api.ts';

/** A snapshot repository as the server knows it. */
export interface SnapshotRepository {
  readonly name: string;
  /** Its type and settings, without what could be a secret. */
  readonly definition: JsonObject;
  /** It is ours, in a claim that the backup captures. */
  readonly isOurs: boolean;
}

/** The name of the repository that Holdfast registers by itself. */
const OWN = 'holdfast';
const SECRET = /access_key|secret|password|token|sas_|account_key/i;

/** Finds the repository that the task names, or registers ours. `BadInput` when there is none of that name. */
export async function openRepository(task: QuiesceTask, api: SearchApi): Promise<SnapshotRepository> {
  const named = textAt(task.settings, 'repository');
  if (named === '') return openOwn(task, api);
  const found = await find(api, named);
  if (!found) throw unregistered(task, named);
  return { name: named, definition: found, isOurs: false };
}

/** The repository that a task uses, without looking for it. */
export function repositoryName({ settings }: QuiesceTask): string {
  return textAt(settings, 'repository') || OWN;
}

/** Makes the repository of a backup known to the server that the backup is restored to. */
export async function reopenRepository(task: QuiesceTask, api: SearchApi, state: JsonObject): Promise<string> {
  const recorded = objectAt(state, 'repository');
  const name = textAt(recorded, 'name');
  const found = await find(api, name);
  if (name !== OWN) {
    if (!found) await register(api, name, foreign(task, state, objectAt(recorded, 'definition')));
    return name;
  }
  // What the server remembers of a folder whose files were put there anew would not fit: it has to look again.
  if (found) await api.call('DELETE', `/_snapshot/${name}`);
  await register(api, name, objectAt(recorded, 'definition'));
  return name;
}

/** `BadInput` when the data of the pod's node does not lie where the plan took it to be: the wrong claims would be left out of the backup. */
export async function checkFolders(task: QuiesceTask, api: SearchApi): Promise<void> {
  const answer = await api.call('GET', '/_nodes/_local?filter_path=nodes.*.settings.path');
  const [node] = Object.values(objectAt(answer, 'nodes'));
  const paths = objectAt(node, 'settings', 'path');
  const data = firstOf(paths, 'data') || `${textAt(paths, 'home')}/data`;
  const claim = locateInClaims(readMounts(task.settings), data)?.claim;
  const planned = field(task.settings, 'dataClaims');
  const isPlanned = isList(planned) && (claim === undefined ? planned.length === 0 : planned.includes(claim));
  if (isPlanned) return;
  const place = claim === undefined ? 'in no claim' : `in claim ${claim}`;
  throw new HoldfastError(
    FailureType.BadInput,
    `${describeTask(task)}: its path.data ${data} is ${place}, which is not what its pod says`,
    {
      advice: `set the annotation holdfast.dev/elasticsearch-data-path to ${data}`,
    },
  );
}

async function openOwn(task: QuiesceTask, api: SearchApi): Promise<SnapshotRepository> {
  const location = `${textAt(task.settings, 'path')}/${OWN}`;
  const definition = { type: 'fs', settings: { location } };
  const found = await find(api, OWN);
  // Registering again is refused while a snapshot is being made.
  if (textAt(found, 'settings', 'location') !== location) await register(api, OWN, definition);
  return { name: OWN, definition, isOurs: true };
}

async function find(api: SearchApi, name: string): Promise<JsonObject | undefined> {
  const answer = await api.ask('GET', `/_snapshot/${encodeURIComponent(name)}`);
  if (answer.status === 404) return undefined;
  if (answer.status >= 300) throw api.refused(`the repository ${name}`, answer);
  const { type, settings } = objectAt(answer.body, name);
  return { type, settings: without(objectAt({ settings }, 'settings'), (key) => SECRET.test(key)) };
}

async function register(api: SearchApi, name: string, definition: JsonObject): Promise<void> {
  await api.call('PUT', `/_snapshot/${encodeURIComponent(name)}`, definition);
}

/**
 * Somebody else's repository, for a server that does not know it: in another namespace only to read from, because the servers that the backup
 * came from may live and write to it, and two that write spoil it.
 */
function foreign({ namespace }: QuiesceTask, state: JsonObject, definition: JsonObject): JsonObject {
  if (textAt(state, 'namespace') === namespace) return definition;
  return { ...definition, settings: { ...objectAt(definition, 'settings'), readonly: true } };
}

function unregistered(task: QuiesceTask, name: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${describeTask(task)}: there is no snapshot repository "${name}"`, {
    advice: `register it (PUT _snapshot/${name}), or correct the annotation holdfast.dev/elasticsearch-repository`,
  });
}

function firstOf(object: JsonObject, key: string): string {
  const value = field(object, key);
  const first = isList(value) ? value[0] : value;
  return typeof first === 'string' ? first : '';
}
