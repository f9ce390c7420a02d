import pLimit from 'p-limit';
import type { CopyCursor, CopyStage, CopyTotals } from '../../contracts/copy.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { addCopyTotals, nextStage, NOTHING_COPIED } from '../../domain/copy/totals.ts';
import type { CallOptions, ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { CONFIG_KEY, INDEXES, KEY_FILES, MANIFESTS, RECORDS, sequenceOf, VOLUMES } from '../layout.ts';
import { copyObject } from './copy-object.ts';
import type { CopyPlaces } from './plan-copy.ts';

const PREFIXES: Readonly<Record<Exclude<CopyStage, 'configuration'>, string>> = {
  packs: 'packs/',
  volumes: VOLUMES,
  indexes: INDEXES,
  records: RECORDS,
  keys: KEY_FILES,
  manifests: MANIFESTS,
};
/** Streamed copies hold a whole pack each. */
const PARALLEL = 4;
const BATCH_OBJECTS = 500;
const BATCH_BYTES = 512 * 1024 * 1024;

export interface CopyBatch {
  readonly cursor: CopyCursor;
  /** Newest manifest to copy. */
  readonly throughSequence: number;
}

export interface CopiedBatch {
  readonly next?: CopyCursor;
  readonly totals: CopyTotals;
  readonly errors: readonly Issue[];
}

/** Copies what the second place lacks of one stretch of one stage. Repeating it sends only what is still missing. */
export async function copyBatch(
  places: CopyPlaces,
  { cursor, throughSequence }: CopyBatch,
  options: CallOptions & { readonly onProgress?: () => void } = {},
): Promise<CopiedBatch> {
  const stretch = await missingObjects(places, { cursor, throughSequence }, options);
  let totals: CopyTotals = { ...NOTHING_COPIED, known: stretch.known, failed: stretch.errors.length };
  const errors: Issue[] = [...stretch.errors];
  const gone: string[] = [];
  const limit = pLimit(PARALLEL);
  await Promise.all(
    stretch.missing.map((object) =>
      limit(async () => {
        const outcome = await copyObject(places, object, options);
        options.onProgress?.();
        if (outcome === 'gone') gone.push(object.key);
        else if ('code' in outcome) {
          errors.push(outcome);
          totals = addCopyTotals(totals, { ...NOTHING_COPIED, failed: 1 });
        } else totals = addCopyTotals(totals, outcome);
      }),
    ),
  );
  // Garbage collection has merged indexes while they were copied: the new one may be before the place that we are at.
  const next = cursor.stage === 'indexes' && gone.length > 0 ? { stage: cursor.stage, after: '' } : stretch.next;
  return { ...(next ? { next } : {}), totals, errors };
}

interface Stretch {
  readonly missing: readonly StoredObject[];
  readonly known: number;
  readonly errors: readonly Issue[];
  readonly next: CopyCursor | undefined;
}

/** Walks both listings side by side, as far as one batch goes. */
async function missingObjects(places: CopyPlaces, { cursor, throughSequence }: CopyBatch, options: CallOptions): Promise<Stretch> {
  const missing: StoredObject[] = [];
  const errors: Issue[] = [];
  let [known, bytes] = [0, 0];
  const there = new Cursor(listed(places.to, cursor, options));
  for await (const object of listed(places.from, cursor, options)) {
    if ((sequenceOf(object.key) ?? 0) > throughSequence || isResticLock(object.key)) continue;
    const twin = await there.at(object.key);
    if (!twin) {
      missing.push(object);
      bytes += object.sizeBytes;
    } else if (twin.sizeBytes === object.sizeBytes) known += 1;
    else errors.push(otherSize(places.to, object, twin));
    if (missing.length >= BATCH_OBJECTS || bytes >= BATCH_BYTES) {
      return { missing, known, errors, next: { stage: cursor.stage, after: object.key } };
    }
  }
  return { missing, known, errors, next: nextStage(cursor) };
}

async function* listed(store: ObjectStore, { stage, after }: CopyCursor, options: CallOptions): AsyncGenerator<StoredObject> {
  if (stage !== 'configuration') {
    yield* store.list(PREFIXES[stage], { ...options, ...(after === '' ? {} : { after }) });
    return;
  }
  const found = await store.stat(CONFIG_KEY, options);
  if (found) yield found;
}

/** One listing, asked for keys in ascending order. */
class Cursor {
  readonly #objects: AsyncGenerator<StoredObject>;
  #current: StoredObject | undefined;

  constructor(objects: AsyncGenerator<StoredObject>) {
    this.#objects = objects;
  }

  async at(key: string): Promise<StoredObject | undefined> {
    while (!this.#current || this.#current.key < key) {
      const step = await this.#objects.next();
      if (step.done === true) return undefined;
      this.#current = step.value;
    }
    return this.#current.key === key ? this.#current : undefined;
  }
}

/** Locks say who is at work in the original at this moment: in the copy nobody is. */
function isResticLock(key: string): boolean {
  return key.startsWith(VOLUMES) && key.split('/')[2] === 'locks';
}

function otherSize(store: ObjectStore, object: StoredObject, twin: StoredObject): Issue {
  return {
    code: 'CopyDamaged',
    message: `${store.url}: ${object.key} has ${twin.sizeBytes} bytes, the original has ${object.sizeBytes}`,
    advice: 'remove it from the copy and copy again; a copy overwrites nothing',
  };
}
