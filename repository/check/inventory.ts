import type { CallOptions, ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { condemnedNumberOf, CONFIG_KEY, hexNameOf, packKey, sequenceOf, VOLUMES } from '../layout.ts';
import type { FileKind, FileTotals } from './report.ts';

/** Foreign objects that are named one by one. */
const NAMED_FOREIGN = 20;

/** Everything that a location holds, by what its name says it is. */
export interface Inventory {
  readonly totals: FileTotals;
  /** By pack id. */
  readonly packs: ReadonlyMap<string, StoredObject>;
  readonly indexes: readonly StoredObject[];
  readonly keyFiles: readonly string[];
  readonly records: readonly string[];
  readonly sequences: readonly number[];
  /** Numbers of the lists of condemned packs. */
  readonly condemned: readonly number[];
  /** The first names that are none of ours. */
  readonly foreign: readonly string[];
}

/** Lists a location once, and sorts what is there. Memory: about 200 bytes a pack. */
export async function takeInventory(store: ObjectStore, options: CallOptions): Promise<Inventory> {
  const totals: Record<FileKind, { objects: number; bytes: number }> = {
    config: nothing(),
    keys: nothing(),
    packs: nothing(),
    indexes: nothing(),
    manifests: nothing(),
    records: nothing(),
    condemned: nothing(),
    volumes: nothing(),
    foreign: nothing(),
  };
  const packs = new Map<string, StoredObject>();
  const lists = {
    indexes: [] as StoredObject[],
    keyFiles: [] as string[],
    records: [] as string[],
    sequences: [] as number[],
    condemned: [] as number[],
  };
  const foreign: string[] = [];
  const keep: Partial<Record<FileKind, (object: StoredObject) => unknown>> = {
    packs: (object) => packs.set(hexNameOf(object.key) ?? '', object),
    indexes: (object) => lists.indexes.push(object),
    keys: ({ key }) => lists.keyFiles.push(key),
    records: ({ key }) => lists.records.push(key),
    manifests: ({ key }) => lists.sequences.push(sequenceOf(key) ?? 0),
    condemned: ({ key }) => lists.condemned.push(condemnedNumberOf(key) ?? 0),
    foreign: ({ key }) => foreign.length < NAMED_FOREIGN && foreign.push(key),
  };
  for await (const object of store.list('', options)) {
    const kind = kindOf(object.key);
    totals[kind].objects += 1;
    totals[kind].bytes += object.sizeBytes;
    keep[kind]?.(object);
  }
  return { totals, packs, ...lists, foreign };
}

function nothing(): { objects: number; bytes: number } {
  return { objects: 0, bytes: 0 };
}

function kindOf(key: string): FileKind {
  if (key === CONFIG_KEY) return 'config';
  if (/^keys\/[0-9a-f]{32}\.age$/.test(key)) return 'keys';
  const hex = hexNameOf(key);
  if (hex !== undefined && key === packKey(hex)) return 'packs';
  if (/^index\/[0-9a-f]{64}$/.test(key)) return 'indexes';
  if (sequenceOf(key) !== undefined) return 'manifests';
  if (/^records\/[0-9a-f]{64}$/.test(key)) return 'records';
  if (key.startsWith(VOLUMES)) return 'volumes';
  return condemnedNumberOf(key) === undefined ? 'foreign' : 'condemned';
}
