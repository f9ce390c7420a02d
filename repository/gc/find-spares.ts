import type { CallOptions } from '../../storage/object-store.ts';
import { readIndexFile } from '../check/check-indexes.ts';
import { PackReader } from '../pack-reader.ts';
import type { RepositoryParts } from '../repository.ts';
import { streamSegments } from '../segment-stream.ts';
import type { Survey } from './survey.ts';

/**
 * Of packs that are to be deleted: those that must stay after all, since a segment that live backups need is in them and its keeper has
 * not got it right. Reads and authenticates every such segment, which only packs with common segments have: of writers that ran at the same time, or
 * of a mostly dead pack and its successor.
 */
export async function findSpares(
  parts: RepositoryParts,
  { survey, doomed }: { readonly survey: Survey; readonly doomed: ReadonlySet<string> },
  options: CallOptions,
): Promise<ReadonlySet<string>> {
  const { stored, usage } = survey;
  const index = {
    find: (id: Buffer) => {
      const keeper = usage.keeperOf(id);
      return keeper ? [keeper] : [];
    },
    pack: (number: number) => stored.pack(number),
    markMissing: () => undefined,
  };
  const reader = new PackReader({ ...parts, index });
  const spares = new Set<string>();
  for await (const { packId, ids } of commonSegments(parts, { survey, doomed }, options)) {
    for await (const { plain } of streamSegments({ index, reader }, ids, options)) if (plain instanceof Error) spares.add(packId);
  }
  return spares;
}

/** The needed segments of each doomed pack: other packs are their keepers. */
async function* commonSegments(
  parts: RepositoryParts,
  { survey, doomed }: { readonly survey: Survey; readonly doomed: ReadonlySet<string> },
  options: CallOptions,
): AsyncGenerator<{ readonly packId: string; readonly ids: readonly string[] }> {
  const unseen = new Set(doomed);
  for (const [key, packs] of survey.indexes.packsOf) {
    if (!packs.some((packId) => unseen.has(packId))) continue;
    for (const { packId, frames } of await readIndexFile(parts, key, options)) {
      if (!unseen.delete(packId)) continue;
      yield { packId, ids: frames.filter(({ id }) => survey.usage.isNeeded(id)).map(({ id }) => id.toString('hex')) };
    }
  }
}
