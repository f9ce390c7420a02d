import type { Json, JsonObject } from '../contracts/json.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { at, isRecord, list, text, title } from './raw-objects.ts';

/** Everything in these belongs to the user; the server adds nothing of its own. */
const WHOLE = new Set(['data', 'binaryData', 'rules', 'subjects', 'roleRef', 'parameters', 'extension']);

/** What the comparison asks of a cluster: all objects of a manifest's kind in its namespace, by name. */
export type LiveObjects = Pick<ClusterObjects, 'all'>;

/**
 * Compares live objects with the manifests they were made from: everything in the manifest must be there with the same value, and every
 * owner reference must bear the uid of the owner that is there now. Returns a line for each object that is not so. Shares no code with
 * the product's own verification.
 */
export async function compareProject(objects: LiveObjects, manifests: readonly JsonObject[]): Promise<readonly string[]> {
  const live = new Snapshot(objects);
  const differences: string[] = [];
  for (const manifest of manifests) {
    const object = await live.get(manifest);
    const found =
      object === undefined ? ['is missing'] : [...differing(comparable(manifest), object, ''), ...(await lostOwners(live, object))];
    if (found.length > 0) differences.push(`${title(manifest)}: ${found.join(', ')}`);
  }
  return differences;
}

/** Lists each kind and namespace once. */
class Snapshot {
  readonly #objects: LiveObjects;
  readonly #lists = new Map<string, Promise<ReadonlyMap<string, JsonObject>>>();

  constructor(objects: LiveObjects) {
    this.#objects = objects;
  }

  async get(manifest: JsonObject): Promise<JsonObject | undefined> {
    const key = [text(manifest, 'apiVersion'), text(manifest, 'kind'), text(manifest, 'metadata', 'namespace')].join(' ');
    const listed = this.#lists.get(key) ?? this.#objects.all(manifest);
    this.#lists.set(key, listed);
    return (await listed).get(text(manifest, 'metadata', 'name'));
  }
}

/** What differs between two lists of names, as lines. */
export function compareNames(what: string, before: readonly string[], after: readonly string[]): readonly string[] {
  const lost = before.filter((name) => !after.includes(name)).map((name) => `${what} ${name}: was there before and is missing`);
  return [...lost, ...after.filter((name) => !before.includes(name)).map((name) => `${what} ${name}: was not there before`)];
}

/** The manifest as it is in a list: without its type, `stringData` as `data`; the status is the controllers'. */
const NOT_COMPARED = ['apiVersion', 'kind', 'status', 'stringData'];

function comparable(manifest: JsonObject): JsonObject {
  const kept = Object.entries(manifest).filter(([key]) => !NOT_COMPARED.includes(key));
  const encoded = Object.entries(at(manifest, 'stringData') ?? {}).map(([key, value]): [string, string] => [key, base64(value as string)]);
  return Object.fromEntries<Json | undefined>(encoded.length === 0 ? kept : [...kept, ['data', Object.fromEntries(encoded)]]);
}

function base64(plain: string): string {
  return Buffer.from(plain).toString('base64');
}

/** Paths under which `live` lacks something of `expected`. */
function differing(expected: Json | undefined, live: Json | undefined, path: string): readonly string[] {
  if (Array.isArray(expected)) {
    const actual = Array.isArray(live) ? live : [];
    if (actual.length !== expected.length) return [path];
    return expected.flatMap((item: Json, index) => differing(item, actual[index] as Json, `${path}/${index}`));
  }
  if (!isRecord(expected)) return expected === live ? [] : [path];
  if (!isRecord(live)) return [path];
  const extra = WHOLE.has(path.slice(path.lastIndexOf('/') + 1)) ? Object.keys(live).filter((key) => !(key in expected)) : [];
  const missing = Object.entries(expected).flatMap(([key, value]) => differing(value, live[key], `${path}/${key}`));
  return [...missing, ...extra.map((key) => `${path}/${key}`)];
}

async function lostOwners(live: Snapshot, object: JsonObject): Promise<readonly string[]> {
  const lost: string[] = [];
  for (const reference of list(object, 'metadata', 'ownerReferences')) {
    const owner = {
      ...(reference as JsonObject),
      metadata: { namespace: at(object, 'metadata', 'namespace'), name: at(reference, 'name') },
    };
    const uid = text(await live.get(owner), 'metadata', 'uid');
    if (uid === '' || uid !== text(reference, 'uid'))
      lost.push(`owner ${text(reference, 'kind')} ${text(reference, 'name')} is not linked`);
  }
  return lost;
}
