import { randomInt } from 'node:crypto';
import pLimit from 'p-limit';
import type { CallOptions } from '../../storage/object-store.ts';
import { checkedTwice, damaged } from '../failures.ts';
import { packKey } from '../layout.ts';
import { readTrailer } from '../pack-trailer.ts';
import type { RepositoryParts } from '../repository.ts';
import type { SegmentPlace } from '../segment-table.ts';

const PARALLEL_READS = 4;

interface Chosen {
  readonly id: Buffer;
  readonly place: SegmentPlace;
  /** How many segments the choice was made from. */
  readonly of: number;
}

/**
 * The cheap proof that packs are what was written: from each of the given ones the table at its end and one segment, taken at random among
 * `ids`, are read back and authenticated. Two small reads for each pack of 8 MiB. `Damaged` names the first one that fails.
 */
export async function readBackPacks(
  { store, sealer, codec, index }: RepositoryParts,
  wanted: { readonly ids: Iterable<string>; readonly packs: readonly number[] },
  options: CallOptions & { readonly onRead?: () => void },
): Promise<number> {
  const packs = new Set(wanted.packs);
  const chosen = new Map<number, Chosen>();
  for (const id of wanted.ids) {
    const bytes = Buffer.from(id, 'hex');
    const [place] = index.find(bytes);
    if (!place || !packs.has(place.pack)) continue;
    const of = (chosen.get(place.pack)?.of ?? 0) + 1;
    const before = chosen.get(place.pack);
    // Each segment of a pack is as likely as any other to be the one.
    chosen.set(place.pack, before && randomInt(of) > 0 ? { ...before, of } : { id: bytes, place, of });
  }
  const limit = pLimit(PARALLEL_READS);
  const readOne = async ({ id, place }: Chosen): Promise<void> => {
    const { packId, sizeBytes } = index.pack(place.pack);
    const key = packKey(packId);
    const where = `${store.url}: ${key}`;
    await checkedTwice(async () => {
      const frames = await readTrailer({ store, sealer }, { key, sizeBytes }, options);
      if (!frames.some((frame) => frame.id.equals(id) && frame.offset === place.offset)) throw damaged(where, 'its table is another one');
      codec.open(id, await store.read(key, { offset: place.offset, length: place.length }, options), where);
    });
    options.onRead?.();
  };
  await Promise.all([...chosen.values()].map((one) => limit(() => readOne(one))));
  return chosen.size;
}
