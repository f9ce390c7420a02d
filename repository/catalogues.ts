import { z } from 'zod';
import type { CallOptions } from '../storage/object-store.ts';
import { parseJson } from './documents.ts';
import { damaged } from './failures.ts';
import type { PackReader } from './pack-reader.ts';
import { splitRecords } from './segment-codec.ts';
import type { SegmentIndex } from './segment-index.ts';
import { streamSegments } from './segment-stream.ts';

const catalogue = z.object({ resources: z.array(z.object({ segments: z.array(z.object({ id: z.string().regex(/^[0-9a-f]{64}$/) })) })) });

/** One part of a backup, and the segments that it names. */
export interface Catalogue {
  readonly id: string;
  readonly segments: readonly string[];
}

/**
 * What the parts of backups name, in the order asked. `Damaged` when a part cannot be read or is something else: what a backup needs must
 * be known for certain before anything is deleted, or left to be deleted.
 */
export async function* readCatalogues(
  from: { readonly index: Pick<SegmentIndex, 'find' | 'pack' | 'markMissing'>; readonly reader: PackReader },
  parts: Iterable<string>,
  options: CallOptions,
): AsyncGenerator<Catalogue> {
  for await (const { id, plain } of streamSegments(from, parts, options)) {
    if (plain instanceof Error) throw plain;
    const where = `segment ${id}`;
    const [document] = splitRecords(plain, where);
    const found = catalogue.safeParse(document && parseJson(document, where));
    if (!found.success) throw damaged(where, 'it is not the catalogue of a backup');
    yield { id, segments: found.data.resources.flatMap(({ segments }) => segments.map((segment) => segment.id)) };
  }
}
