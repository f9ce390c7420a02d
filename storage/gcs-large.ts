import { createHash } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { GcsBucket } from './gcs-bucket.ts';
import type { CallOptions, LargeOptions, LargeSource } from './object-store.ts';
import { planParts, sendMissingParts } from './parts.ts';

interface ComposeTarget {
  readonly bucket: GcsBucket;
  readonly key: string;
  /** Full name of the object. */
  readonly name: string;
  /** Full name of the folder for parts; it is no key of the port and so never listed. */
  readonly folder: string;
}

const SMALLEST_PART_BYTES = 8 * 1024 * 1024;
/** Two rounds of composing. */
const MOST_PARTS = 1024;
/** Cloud Storage takes no more sources in one request. */
const MOST_SOURCES = 32;
/** After this long nobody comes back for the parts of an upload that was given up. */
const ABANDONED_MS = 7 * 86_400_000;

/**
 * Writes an object from parts that are objects of their own in a hidden folder, put together by the server; false when the name is taken.
 * The folder's name stands for key, content and size, so whoever sends the same object again, after a crash or at the same time, goes on
 * with what is there. A resumable session of Cloud Storage would need its secret address to be kept somewhere; parts can be found again.
 */
export async function composeLarge(target: ComposeTarget, source: LargeSource, options: LargeOptions): Promise<boolean> {
  const { bucket, key, name } = target;
  const parts = planParts(source.sizeBytes, { smallestBytes: SMALLEST_PART_BYTES, mostParts: MOST_PARTS });
  if (parts.length <= 1) {
    const created = await bucket.insert(name, await source.read({ offset: 0, length: source.sizeBytes }), { ...options, key });
    if (created) options.onProgress?.(source.sizeBytes);
    return created;
  }
  const identity = createHash('sha256')
    .update(JSON.stringify([key, source.fingerprint, source.sizeBytes]))
    .digest('hex')
    .slice(0, 32);
  const folder = `${target.folder}${identity}/`;
  const partName = (index: number): string => `${folder}${String(index).padStart(5, '0')}`;
  const sizes = new Map<string, number>();
  for await (const part of bucket.all(folder, key, options)) sizes.set(part.name, Number(part.size));
  const present = new Set(parts.filter(({ index, range }) => sizes.get(partName(index)) === range.length).map(({ index }) => index));
  await sendMissingParts({
    source,
    parts,
    present,
    send: async ({ index }, body, signal) => {
      // False says that another writer has sent the same bytes in the meantime.
      await bucket.insert(partName(index), body, { signal, key, unlocked: true });
    },
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const created = await compose(
    { ...target, folder },
    parts.map(({ index }) => partName(index)),
    options,
  );
  await removeParts({ ...target, current: folder }, options);
  return created;
}

async function compose(target: ComposeTarget, names: readonly string[], options: CallOptions): Promise<boolean> {
  let sources = names;
  for (let round = 1; sources.length > MOST_SOURCES; round++) {
    const groups = Array.from({ length: Math.ceil(sources.length / MOST_SOURCES) }, (_, group) =>
      sources.slice(group * MOST_SOURCES, (group + 1) * MOST_SOURCES),
    );
    const composed: string[] = [];
    for (const [index, group] of groups.entries()) {
      const name = `${target.folder}round-${round}-${String(index).padStart(5, '0')}`;
      await composeOne(target, { name, sources: group, final: false }, options);
      composed.push(name);
    }
    sources = composed;
  }
  return composeOne(target, { name: target.name, sources, final: true }, options);
}

/** False when the name is taken. */
async function composeOne(
  { bucket, key }: ComposeTarget,
  what: { readonly name: string; readonly sources: readonly string[]; readonly final: boolean },
  options: CallOptions,
): Promise<boolean> {
  const destination = what.final ? bucket.properties() : { contentType: 'application/octet-stream' };
  const answer = await bucket.send(key, options, {
    method: 'POST',
    path: `${bucket.path(what.name)}/compose?ifGenerationMatch=0`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sourceObjects: what.sources.map((name) => ({ name })), destination }),
    expect: [404, 412],
  });
  if (answer.status === 404) {
    await bucket.assertThere(options);
    // Another writer of the same object has finished it and taken the parts away; the next attempt finds it.
    throw new HoldfastError('Unavailable', `${bucket.url}: ${key}: its parts were removed while they were put together`);
  }
  return answer.status !== 412;
}

/** Removes the parts of this object, and those of uploads that were given up. The object is there already, so this may fail. */
async function removeParts(
  { bucket, key, folder, current }: ComposeTarget & { readonly current: string },
  options: CallOptions,
): Promise<void> {
  try {
    const old = Date.now() - ABANDONED_MS;
    for await (const { name, timeCreated } of bucket.all(folder, key, options)) {
      if (name.startsWith(current) || Date.parse(timeCreated ?? '') < old) await bucket.remove(name, key, options);
    }
  } catch {
    options.signal?.throwIfAborted();
    // Who may not delete leaves it to somebody who may, at the latest when the next large object is written.
  }
}
