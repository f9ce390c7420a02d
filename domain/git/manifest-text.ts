import { Document, Pair, parseDocument, Scalar, YAMLMap, YAMLSeq, type Node, type ScalarTag } from 'yaml';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { isRawNumber, parseLossless, stringifyLossless } from '../json/lossless.ts';
import { isList, isObject } from '../resource/fields.ts';
import { joinOwners, splitOwners } from './owner-lines.ts';

/** Numbers as JSON has them, written exactly as they were read. */
const NUMBER: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number' || isRawNumber(value),
  test: /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/,
  resolve: (text: string) => parseLossless(text),
  stringify: ({ value }) => stringifyLossless(value as Json),
};
/** Texts that readers of YAML 1.1, kubectl among them, take for something else are quoted. */
const SCHEMA = { schema: 'core', compat: 'yaml-1.1', customTags: (tags: unknown[]) => [NUMBER, ...tags] } as const;
/** A block shows these as they are; a reader would change or refuse all others. */
const PRINTABLE = /^[\t\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;
/** A block's indentation is read off its first line that is not empty. */
const BEGINS_WITH_SPACE = /^\n*([^\S\n]|$)/;
/** What a manifest begins with; everything else follows in the order of its letters. */
const FIRST = ['apiVersion', 'kind', 'metadata'];
/** More than any manifest that etcd takes. */
const LONGEST = 8 * 1024 * 1024;

/** An object as YAML: keys in a stable order, texts of several lines as blocks, owners as comments. `readManifest` gives back the same object. */
export function manifestText(object: JsonObject): string {
  const { lines, rest } = splitOwners(object);
  const document = new Document<Node>(undefined, SCHEMA as object);
  document.contents = mapOf(rest, byRank);
  return `${lines}${document.toString({ lineWidth: 0, doubleQuotedAsJSON: true })}`;
}

/** The one object of a YAML file. Throws an Error that says what is wrong, without repeating the file. */
export function readManifest(text: string): JsonObject {
  if (text.length > LONGEST) throw new Error('it is too large for a manifest');
  const document = parseDocument(text, { ...SCHEMA, logLevel: 'error', uniqueKeys: true, prettyErrors: false } as object);
  const [problem] = document.errors;
  if (problem) throw new Error(`it is no YAML (${problem.code}, at character ${problem.pos[0]})`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 10 });
  } catch {
    throw new Error('it has too many aliases');
  }
  if (!isObject(value as Json)) throw new Error('it holds no object');
  return joinOwners(value as JsonObject, text);
}

function nodeOf(value: Json): Node {
  if (isList(value)) {
    const list = new YAMLSeq();
    list.items = value.map(nodeOf);
    return list;
  }
  if (isObject(value)) return mapOf(value, byLetters);
  return typeof value === 'string' ? textNode(value) : new Scalar(value);
}

function mapOf(object: JsonObject, order: (a: string, b: string) => number): YAMLMap {
  const map = new YAMLMap();
  map.items = Object.keys(object)
    .sort(order)
    .flatMap((key) => {
      const value = object[key];
      return value === undefined ? [] : [new Pair(keyNode(key), nodeOf(value))];
    });
  return map;
}

function textNode(text: string): Scalar {
  const node = new Scalar(text);
  // `<<` would merge for readers of YAML 1.1.
  if (!PRINTABLE.test(text) || text === '<<') node.type = 'QUOTE_DOUBLE';
  else if (text.includes('\n')) node.type = BEGINS_WITH_SPACE.test(text) ? 'QUOTE_DOUBLE' : 'BLOCK_LITERAL';
  return node;
}

/** On one line. */
function keyNode(key: string): Scalar {
  const node = textNode(key);
  if (node.type === 'BLOCK_LITERAL') node.type = 'QUOTE_DOUBLE';
  return node;
}

function byLetters(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function byRank(a: string, b: string): number {
  const rank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
  return rank(a) - rank(b) || byLetters(a, b);
}
