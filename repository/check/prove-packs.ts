import pLimit from 'p-limit';
import type { HoldfastError } from '../../contracts/failures.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import { isFailure, sha256 } from '../failures.ts';
import { packKey } from '../layout.ts';
import type { FrameEntry } from '../pack-table.ts';
import { openTrailer } from '../pack-trailer.ts';
import type { RepositoryParts } from '../repository.ts';
import { readIndexFile } from './check-indexes.ts';
import { isBadContent } from './findings.ts';
import type { OnProgress } from './report.ts';
import type { StoredPack, StoredPacks } from './stored-packs.ts';

/** Whole packs (8 to 16 MiB each) in memory at the same time. */
const PARALLEL_READS = 3;
/** So many packs in a row that the store does not hand out mean that the store is gone, not the packs. */
const PATIENCE = 3;

type Parts = Pick<RepositoryParts, 'store' | 'codec' | 'sealer'>;

/** What reading one pack to the end has shown. */
interface Proof {
  readonly bytes: number;
  readonly segments: number;
  /** '' when all of it is as it was written. */
  readonly damage: string;
  readonly badFrames: ReadonlySet<number>;
}

export interface ProofWork {
  readonly parts: Parts;
  readonly stored: StoredPacks;
  readonly onProgress?: OnProgress;
}

/** Reads packs that indexes name, authenticates every frame of them, and notes in `stored` what cannot be read. */
export async function provePacks(
  work: ProofWork,
  packs: readonly StoredPack[],
  options: CallOptions,
): Promise<{ readonly packs: number; readonly bytes: number; readonly segments: number }> {
  const limit = pLimit(PARALLEL_READS);
  const sum = { packs: 0, bytes: 0, segments: 0 };
  let refused = 0;
  const prove = async (pack: StoredPack): Promise<void> => {
    try {
      const proof = await provePack(work, pack, options);
      refused = 0;
      sum.bytes += proof.bytes;
      sum.segments += proof.segments;
      note(pack, proof);
    } catch (error) {
      // A bad sector is damage, too. A store that answers nothing any more is not.
      if (!isFailure(error, 'Unavailable') || ++refused >= PATIENCE) throw error;
      note(pack, { bytes: 0, segments: 0, damage: `cannot be read: ${error.message}`, badFrames: await allFrames(work, pack, options) });
    }
    sum.packs += 1;
    work.onProgress?.({ step: 'reading packs', done: sum.packs, total: packs.length, bytes: sum.bytes });
  };
  await Promise.all(packs.map((pack) => limit(() => prove(pack))));
  return sum;
}

/** Reads a pack that no index names. '' when it is whole, otherwise what is wrong with it. */
export async function proveOrphan(parts: Parts, packId: string, options: CallOptions): Promise<string> {
  const look = async (): Promise<string> => {
    const file = await parts.store.read(packKey(packId), undefined, options);
    return examine(parts, { packId, file, frames: undefined }).damage;
  };
  try {
    return (await look()) && (await look());
  } catch (error) {
    if (isFailure(error, 'NotFound')) return '';
    throw error;
  }
}

function note(pack: StoredPack, { damage, badFrames }: Proof): void {
  pack.damage = damage;
  pack.badFrames = badFrames;
}

/** What does not check is read once more: bytes can be wrong on their way, too. */
async function provePack(work: ProofWork, pack: StoredPack, options: CallOptions): Promise<Proof> {
  const first = await readAndExamine(work, pack, options);
  return first.damage === '' ? first : readAndExamine(work, pack, options);
}

async function readAndExamine(work: ProofWork, pack: StoredPack, options: CallOptions): Promise<Proof> {
  const { parts, stored } = work;
  let file: Buffer;
  try {
    file = await parts.store.read(packKey(pack.packId), undefined, options);
  } catch (error) {
    if (!isFailure(error, 'NotFound') && !isFailure(error, 'Damaged')) throw error;
    return { bytes: 0, segments: 0, damage: 'is gone', badFrames: await allFrames(work, pack, options) };
  }
  const proof = examine(parts, { packId: pack.packId, file, frames: undefined });
  if (proof.damage === '' && agrees(parts, { pack, file, stored })) return proof;
  // Frame by frame as the index has them, since that is how they are read: what is left of the pack can still be used.
  const frames = await framesInIndex(work, pack, options);
  const byIndex = examine(parts, { packId: pack.packId, file, frames });
  return byIndex.damage === '' ? { ...byIndex, damage: 'is not what its index says' } : byIndex;
}

interface Examination {
  readonly packId: string;
  readonly file: Buffer;
  /** The frames to look at; undefined for those of the pack's own trailer. */
  readonly frames: readonly FrameEntry[] | undefined;
}

function examine({ codec, sealer }: Parts, { packId, file, frames }: Examination): Proof {
  const where = packKey(packId);
  const trailer = attempt(() => openTrailer(sealer, file, where));
  const known = frames ?? (Array.isArray(trailer) ? trailer : []);
  const badFrames = new Set<number>();
  for (const { id, offset, length } of known) {
    const opened = attempt(() => codec.open(id, file.subarray(offset, offset + length), where).length);
    if (typeof opened !== 'number') badFrames.add(offset);
  }
  const proof = { bytes: file.length, segments: known.length, badFrames };
  const bad = badFrames.size === 0 ? '' : ` (${badFrames.size} of ${known.length} segments in it do not authenticate)`;
  if (sha256(file) !== packId) return { ...proof, damage: `is damaged: its hash is not its name${bad}` };
  if (!Array.isArray(trailer)) return { ...proof, damage: 'is damaged: its trailer does not open' };
  return { ...proof, damage: bad === '' ? '' : `is damaged${bad}` };
}

/** Whether the index and an undamaged pack name the same frames. */
function agrees(
  parts: Parts,
  { pack, file, stored }: { readonly pack: StoredPack; readonly file: Buffer; readonly stored: StoredPacks },
): boolean {
  const trailer = openTrailer(parts.sealer, file, pack.packId);
  const indexed = ({ id, offset, length, plainLength }: FrameEntry): boolean =>
    stored.places(id).some((place) => {
      const same = place.offset === offset && place.length === length && place.plainLength === plainLength;
      return same && stored.pack(place.pack) === pack;
    });
  return trailer.length === pack.frames && pack.sizeBytes === file.length && trailer.every(indexed);
}

async function framesInIndex({ parts }: ProofWork, pack: StoredPack, options: CallOptions): Promise<readonly FrameEntry[]> {
  for (const table of await readIndexFile(parts, pack.index, options)) if (table.packId === pack.packId) return table.frames;
  return [];
}

async function allFrames(work: ProofWork, pack: StoredPack, options: CallOptions): Promise<ReadonlySet<number>> {
  return new Set((await framesInIndex(work, pack, options)).map(({ offset }) => offset));
}

function attempt<T>(work: () => T): T | HoldfastError {
  try {
    return work();
  } catch (error) {
    if (isBadContent(error)) return error;
    throw error;
  }
}
