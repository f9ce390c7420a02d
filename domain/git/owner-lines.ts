import type { Json, JsonObject } from '../../contracts/json.ts';
import { parseLossless, stringifyLossless } from '../json/lossless.ts';
import { isList, isObject, listAt, objectAt, textAt } from '../resource/fields.ts';

const LINE = '# ownerReference: ';
/** What identifies an owner in every cluster; its uid is another one in each. */
const NAMES = ['apiVersion', 'kind', 'name'];
const FLAGS = ['controller', 'blockOwnerDeletion'];

/** Owner references as they are kept in Git: without uids, in a stable order. */
export function lastingOwners(object: JsonObject): readonly JsonObject[] {
  const owners = listAt(object, 'metadata', 'ownerReferences').filter(isObject);
  const text = (owner: JsonObject): string => stringifyLossless(owner);
  return owners
    .map((owner) =>
      Object.fromEntries([...NAMES, ...FLAGS].flatMap((key) => (owner[key] === undefined ? [] : [[key, owner[key]] as const]))),
    )
    .sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

/**
 * The object without its lasting owners, and these as comments: the API server takes no owner reference without a uid, and manifests from Git are to be
 * applied by everybody.
 */
export function splitOwners(object: JsonObject): { readonly lines: string; readonly rest: JsonObject } {
  const owners = objectAt(object, 'metadata')['ownerReferences'];
  if (!isList(owners) || owners.length === 0 || !owners.every(isLasting)) return { lines: '', rest: object };
  const { ownerReferences: _, ...metadata } = objectAt(object, 'metadata');
  return { lines: owners.map((owner) => `${LINE}${inAscii(stringifyLossless(owner))}\n`).join(''), rest: { ...object, metadata } };
}

/** The object with the owners in the comments that its manifest begins with. What is no owner is a comment like any other. */
export function joinOwners(object: JsonObject, manifest: string): JsonObject {
  const [head = ''] = /^(#.*\n)*/.exec(manifest) ?? [];
  const owners = head.split('\n').flatMap((line) => (line.startsWith(LINE) ? ownerIn(line.slice(LINE.length)) : []));
  const metadata = object['metadata'];
  if (owners.length === 0 || !isObject(metadata) || metadata['ownerReferences'] !== undefined) return object;
  return { ...object, metadata: { ...metadata, ownerReferences: owners } };
}

function ownerIn(text: string): readonly Json[] {
  try {
    const owner = parseLossless(text);
    return isLasting(owner) ? [owner] : [];
  } catch {
    return [];
  }
}

function isLasting(owner: Json): boolean {
  if (!isObject(owner) || NAMES.some((key) => textAt(owner, key) === '')) return false;
  return Object.entries(owner).every(([key, value]) => NAMES.includes(key) || (FLAGS.includes(key) && typeof value === 'boolean'));
}

/** Some readers of YAML end a comment at characters that are no line's end to others. */
function inAscii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
