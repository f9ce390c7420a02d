import pLimit from 'p-limit';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { uploadOrAdopt } from './adopting-upload.ts';
import { InOrder } from './in-order.ts';
import { packKey } from './layout.ts';
import type { PackTable } from './pack-table.ts';
import { PackWriter } from './pack-writer.ts';
import type { BoxSealer } from './sealed-box.ts';
import { joinRecords, type SegmentCodec } from './segment-codec.ts';
import type { SegmentIndex } from './segment-index.ts';

const PARALLEL_UPLOADS = 3;
/** Packs being uploaded or waiting for it, above which `ready` makes the caller wait. */
const PACKS_IN_FLIGHT = 4;
/** Segments from this size on are compressed in another thread while the next ones are read. */
const ASIDE_BYTES = 1024 ** 2;
/** Segments being compressed, above which `ready` makes the caller wait. */
const FRAMES_IN_MAKING = 3;

export interface BatchResult {
  readonly newSegments: number;
  /** Segments that the repository, or this batch, had already, and that garbage collection does not mean to remove. */
  readonly knownSegments: number;
  /** Bytes of packs and index that this batch made. */
  readonly storedBytes: number;
  readonly packs: number;
}

/** A segment and the bytes that go into a pack for it. */
interface Framed {
  readonly id: Buffer;
  readonly plain: Buffer;
  readonly frame: Buffer;
}

export interface BatchParts {
  readonly store: ObjectStore;
  readonly codec: SegmentCodec;
  readonly sealer: BoxSealer;
  readonly index: SegmentIndex;
  /** Size at which a pack is closed. */
  readonly packSizeMiB?: number;
}

/**
 * Stores segments: packs while it is being filled, one index at the end. Until `finish` has returned, nothing that was added can be
 * relied on. The same content in the same order makes the same packs, so a batch may be repeated after any failure.
 */
export class BatchWriter {
  readonly #parts: BatchParts;
  readonly #options: CallOptions;
  readonly #limit = pLimit(PARALLEL_UPLOADS);
  readonly #uploads: Promise<PackTable>[] = [];
  readonly #inFlight = new Set<Promise<PackTable>>();
  readonly #added = new Set<string>();
  /** Segments go into packs in the order in which they were added, however long each takes. */
  readonly #making = new InOrder<Framed>((made) => {
    this.#append(made);
  });
  #pack: PackWriter;
  #frames = 0;
  #known = 0;
  #finished = false;

  /** `options.signal` ends uploads in the background. */
  constructor(parts: BatchParts, options: CallOptions = {}) {
    this.#parts = parts;
    this.#options = options;
    this.#pack = new PackWriter(parts.codec, parts.packSizeMiB);
  }

  /** Adds one segment and returns its id. Does not wait: call `ready` now and then to bound the memory. */
  add(records: readonly Uint8Array[]): string {
    if (this.#finished) throw new Error('the batch is finished');
    const plain = joinRecords(records);
    const id = this.#parts.codec.idOf(plain);
    const name = id.toString('hex');
    if (this.#added.has(name) || this.#parts.index.isReusable(id)) {
      this.#known++;
      return name;
    }
    this.#added.add(name);
    const { codec } = this.#parts;
    if (plain.length >= ASIDE_BYTES) this.#making.put(codec.frameAside(id, plain).then((frame) => ({ id, plain, frame })));
    else if (this.#making.size > 0) this.#making.put(Promise.resolve({ id, plain, frame: codec.frame(id, plain) }));
    else this.#append({ id, plain, frame: codec.frame(id, plain) });
    return name;
  }

  /** Adds a JSON document as a segment with one record. */
  addDocument(document: unknown): string {
    return this.add([Buffer.from(JSON.stringify(document))]);
  }

  /**
   * Resolves when few enough packs wait for upload, and few enough segments for their pack: at most 5 packs (40 to 80 MiB) and 2 large segments
   * are then in memory. Fails when an upload has failed.
   */
  async ready(): Promise<void> {
    while (this.#making.size >= FRAMES_IN_MAKING) await this.#making.first();
    while (this.#inFlight.size >= PACKS_IN_FLIGHT) await Promise.race(this.#inFlight);
  }

  /** Uploads what is left, then the index. Without new segments nothing is written. */
  async finish(signal?: AbortSignal): Promise<BatchResult> {
    this.#finished = true;
    const options = signal ? { signal } : this.#options;
    await this.#making.all();
    if (!this.#pack.isEmpty) this.#closePack(options);
    const packs = await Promise.all(this.#uploads);
    const indexBytes = packs.length === 0 ? 0 : await this.#parts.index.publish(packs, options);
    return {
      newSegments: this.#frames,
      knownSegments: this.#known,
      storedBytes: packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, indexBytes),
      packs: packs.length,
    };
  }

  #append({ id, plain, frame }: Framed): void {
    if (this.#pack.wouldOverflow(frame)) this.#closePack();
    this.#pack.add({ id, plain }, frame, this.#frames++);
    if (this.#pack.isFull) this.#closePack();
  }

  #closePack(options = this.#options): void {
    const { store, sealer, index } = this.#parts;
    const pack = this.#pack;
    this.#pack = new PackWriter(this.#parts.codec, this.#parts.packSizeMiB);
    const build = (generation: number) => {
      const { bytes, table } = pack.close(sealer, generation);
      return { key: packKey(table.packId), bytes, table, adoptable: index.isAdoptable(table.packId) };
    };
    const upload = this.#limit(async () => (await uploadOrAdopt(store, build, options)).table);
    this.#uploads.push(upload);
    this.#inFlight.add(upload);
    const landed = (): boolean => this.#inFlight.delete(upload);
    // `ready` and `finish` report a failure; until one of them is called it must not count as unhandled.
    upload.then(landed, landed);
  }
}
