import type { CapturePart, CapturedResource } from '../../contracts/manifest.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import type { BackupEntry } from '../chain-entries.ts';
import { parseJson } from '../documents.ts';
import { isFailure } from '../failures.ts';
import { PackReader } from '../pack-reader.ts';
import type { RepositoryParts } from '../repository.ts';
import { splitRecords } from '../segment-codec.ts';
import { streamSegments } from '../segment-stream.ts';
import type { StoredPacks } from './stored-packs.ts';

type Parts = Pick<RepositoryParts, 'store' | 'codec' | 'sealer'>;

/** One catalogue of a backup: what is in which segments, or why nobody can say any more. */
export interface CataloguePart {
  readonly id: string;
  readonly content: { readonly resources: readonly CapturedResource[] } | { readonly reason: string };
}

/** Reads segments by what a check knows of the packs. */
export class CatalogueReader {
  readonly #stored: StoredPacks;
  readonly #reader: PackReader;

  constructor(parts: Parts, stored: StoredPacks) {
    this.#stored = stored;
    this.#reader = new PackReader({ store: parts.store, codec: parts.codec, sealer: parts.sealer, index: stored });
  }

  /** Every part that the backups name, once each, few at a time. */
  async *parts(backups: readonly BackupEntry[], options: CallOptions): AsyncGenerator<CataloguePart> {
    const ids = new Set(backups.flatMap(({ manifest }) => manifest.parts));
    for await (const { id, plain } of streamSegments({ index: this.#stored, reader: this.#reader }, ids, options)) {
      if (plain instanceof Error) yield { id, content: { reason: this.#reason(id, plain.message) } };
      else yield { id, content: partOf(id, plain) };
    }
  }

  /** The records of one segment; undefined when it cannot be read. */
  async records(id: string, options: CallOptions): Promise<readonly Buffer[] | undefined> {
    try {
      return splitRecords(await this.#reader.readSegment(Buffer.from(id, 'hex'), options), id);
    } catch (error) {
      if (isFailure(error, 'Damaged')) return undefined;
      throw error;
    }
  }

  #reason(id: string, message: string): string {
    return this.#stored.reasonFor(Buffer.from(id, 'hex')) || message;
  }
}

/** Segments whose content is not a catalogue have no objects: other things than captured objects may be stored one day. */
function partOf(id: string, plain: Buffer): CataloguePart['content'] {
  try {
    const [document] = splitRecords(plain, id);
    const part = document && (parseJson(document, `segment ${id}`) as Partial<CapturePart> | null);
    return { resources: part?.resources ?? [] };
  } catch (error) {
    if (isFailure(error, 'Damaged')) return { reason: error.message };
    throw error;
  }
}
