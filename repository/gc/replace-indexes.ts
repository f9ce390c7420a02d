import { uploadOrAdopt } from '../adopting-upload.ts';
import { readIndexFile } from '../check/check-indexes.ts';
import { sha256 } from '../failures.ts';
import { fileHeader } from '../file-header.ts';
import { indexKey } from '../layout.ts';
import { encodeIndex, type PackTable } from '../pack-table.ts';
import type { RepositoryParts } from '../repository.ts';
import type { CallOptions } from '../../storage/object-store.ts';

/** Segments that one new index names at most: about 40 MiB. */
const MAX_FRAMES = 1_000_000;

export interface NewIndex {
  readonly key: string;
  readonly sizeBytes: number;
}

/** Writes what is left of some indexes without the dropped packs, as one index, or few when it is very long. Removes nothing. */
export async function mergeIndexes(
  parts: RepositoryParts,
  from: { readonly keys: readonly string[]; readonly dropped: ReadonlySet<string> },
  options: CallOptions,
): Promise<NewIndex[]> {
  const written: NewIndex[] = [];
  const seen = new Set(from.dropped);
  let tables: PackTable[] = [];
  let frames = 0;
  const flush = async (): Promise<void> => {
    if (tables.length > 0) written.push(await writeIndex(parts, tables, options));
    tables = [];
    frames = 0;
  };
  for (const key of from.keys) {
    for (const table of await readIndexFile(parts, key, options)) {
      if (seen.has(table.packId)) continue;
      seen.add(table.packId);
      tables.push(table);
      frames += table.frames.length;
      if (frames >= MAX_FRAMES) await flush();
    }
  }
  await flush();
  return written;
}

async function writeIndex({ store, sealer }: RepositoryParts, tables: readonly PackTable[], options: CallOptions): Promise<NewIndex> {
  const build = (generation: number) => {
    const bytes = Buffer.concat([fileHeader('I'), sealer.seal({ kind: 'index', name: '' }, encodeIndex(tables, generation))]);
    return { key: indexKey(sha256(bytes)), bytes };
  };
  const { key, bytes } = await uploadOrAdopt(store, build, options);
  return { key, sizeBytes: bytes.length };
}
