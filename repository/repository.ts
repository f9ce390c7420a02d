import pLimit from 'p-limit';
import { HoldfastError } from '../contracts/failures.ts';
import type { BackupManifest } from '../contracts/manifest.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { BatchWriter } from './batch-writer.ts';
import { liveBackups, type BackupEntry, type StoredBackup } from './chain-entries.ts';
import { assertNothingCollected } from './commit-guard.ts';
import { authenticateConfig, isConfigOf, readConfig } from './config.ts';
import { deleteBackups, type DeletionOptions, type DeletionResult } from './deletion.ts';
import { parseJson } from './documents.ts';
import { damaged } from './failures.ts';
import { changeHolds, type HoldResult } from './holds.ts';
import { openKeyFiles, type Credentials } from './key-files.ts';
import type { KeyMaterial } from './key-material.ts';
import { CONFIG_KEY, packKey } from './layout.ts';
import { ManifestChain, type Chain, type CommitResult } from './manifest-chain.ts';
import { PackReader } from './pack-reader.ts';
import { Records, type StoredRecord } from './records.ts';
import { BoxSealer } from './sealed-box.ts';
import { SegmentCodec, splitRecords } from './segment-codec.ts';
import { SegmentIndex } from './segment-index.ts';
import { streamSegments } from './segment-stream.ts';

const PARALLEL_STATS = 16;

/** Records of one segment: the JSON bytes of one object each, as the API server sent them. */
export interface Segment {
  readonly id: string;
  readonly records: readonly Buffer[];
}

/** How segments are stored from now on; readers need not know it. */
export interface StorageSettings {
  /** zstd's, 1 to 19; 1 by default. */
  readonly compressionLevel?: number;
  /** A pack is closed when it reaches so many MiB (8 by default), and has at most twice as many. */
  readonly packSizeMiB?: number;
}

/** A segment that no pack has right (any more), and why. */
export interface LostSegment {
  readonly id: string;
  readonly damage: HoldfastError;
}

/** The pieces of an opened repository, for what looks at the stored files themselves: checking, statistics, garbage collection. */
export interface RepositoryParts {
  readonly store: ObjectStore;
  readonly keys: KeyMaterial;
  readonly codec: SegmentCodec;
  readonly sealer: BoxSealer;
  readonly index: SegmentIndex;
  readonly reader: PackReader;
  readonly chain: ManifestChain;
}

export interface PackCheck {
  /** Packs that the segments need. */
  readonly packs: number;
  /** What is not there: packs (by key) that are gone or have another size, and segments (by id) that no index knows. */
  readonly missing: readonly string[];
  /** With `since`: numbers of the packs that were written since. */
  readonly recent?: readonly number[];
}

/**
 * Opens the repository of a location and reads its indexes. `NotFound`: there is none; `WrongKey`: the credentials do not open it;
 * `NewerFormat`: a newer Holdfast made it; `Damaged`.
 */
export async function openRepository(
  store: ObjectStore,
  credentials: Credentials,
  options: CallOptions & { readonly storage?: StorageSettings } = {},
): Promise<Repository> {
  const config = await readConfig(store, options);
  const keys = await openKeyFiles(store, config.id, { ...credentials, ...options, accepts: (found) => isConfigOf(config, found) });
  authenticateConfig(config, keys, `${store.url}: ${CONFIG_KEY}`);
  const repository = new Repository(store, keys, options.storage);
  // Whether an announced data key has come into use, the chain knows.
  if (keys.hasAnnounced) await repository.readChain(options);
  await repository.refresh(options);
  return repository;
}

/** An opened repository; docs/repository-format.md says what is behind it. Any number of processes may use one location at once. */
export class Repository {
  readonly id: string;
  readonly #store: ObjectStore;
  readonly #keys: KeyMaterial;
  readonly #settings: StorageSettings;
  readonly #codec: SegmentCodec;
  readonly #sealer: BoxSealer;
  readonly #index: SegmentIndex;
  readonly #reader: PackReader;
  readonly #chain: ManifestChain;
  readonly #records: Records;
  /** By our monotonic clock. */
  #refreshedAt = -Infinity;

  constructor(store: ObjectStore, keys: KeyMaterial, settings: StorageSettings = {}) {
    this.id = keys.repositoryId;
    this.#store = store;
    this.#keys = keys;
    this.#settings = settings;
    this.#codec = new SegmentCodec(keys, settings.compressionLevel);
    this.#sealer = new BoxSealer(keys);
    this.#index = new SegmentIndex(store, this.#sealer);
    this.#reader = new PackReader({ store, codec: this.#codec, sealer: this.#sealer, index: this.#index });
    this.#chain = new ManifestChain(store, this.#sealer, this.id);
    this.#records = new Records(store, keys, this.#sealer);
  }

  get parts(): RepositoryParts {
    return {
      store: this.#store,
      keys: this.#keys,
      codec: this.#codec,
      sealer: this.#sealer,
      index: this.#index,
      reader: this.#reader,
      chain: this.#chain,
    };
  }

  /** Takes in what other processes have stored since, new data keys among it. */
  async refresh(options: CallOptions = {}): Promise<void> {
    const begun = performance.now();
    await this.#keys.learn();
    await this.#index.refresh(options);
    this.#refreshedAt = begun;
  }

  /** As `refresh`, unless that was done within so many milliseconds: for processes that live longer than a garbage collection waits. */
  async refreshAfter(milliseconds: number, options: CallOptions = {}): Promise<void> {
    if (performance.now() - this.#refreshedAt < milliseconds) return;
    await this.#assertHere(options);
    await this.refresh(options);
  }

  /** Begins to store segments; the batch's `finish` makes them durable. Several may run at once. */
  startBatch(options: CallOptions = {}): BatchWriter {
    const { packSizeMiB } = this.#settings;
    const parts = { store: this.#store, codec: this.#codec, sealer: this.#sealer, index: this.#index };
    return new BatchWriter(packSizeMiB === undefined ? parts : { ...parts, packSizeMiB }, options);
  }

  has(id: string): boolean {
    return this.#index.has(segmentId(id));
  }

  async readSegment(id: string, options: CallOptions = {}): Promise<Buffer[]> {
    await this.#know([id], options);
    return splitRecords(await this.#reader.readSegment(segmentId(id), options), `segment ${id}`);
  }

  /** Segments in the order asked, fetched ahead by few requests; memory does not depend on their number. */
  async *readSegments(ids: readonly string[], options: CallOptions = {}): AsyncGenerator<Segment> {
    for await (const segment of this.readWhatIsLeft(ids, options)) {
      if ('damage' in segment) throw segment.damage;
      yield segment;
    }
  }

  /** The same, going on behind segments that are damaged or gone: each asked for is answered, in its place, with its records or with why there are none. */
  async *readWhatIsLeft(ids: readonly string[], options: CallOptions = {}): AsyncGenerator<Segment | LostSegment> {
    await this.#know(ids, options);
    for await (const { id, plain } of streamSegments({ index: this.#index, reader: this.#reader }, ids, options)) {
      if (plain instanceof HoldfastError) yield { id, damage: plain };
      else yield { id, records: splitRecords(plain, `segment ${id}`) };
    }
  }

  /** What `addDocument` stored. Its shape is its writer's business. */
  async readDocument(id: string, options: CallOptions = {}): Promise<unknown> {
    const [document, ...more] = await this.readSegment(id, options);
    if (!document || more.length > 0) throw damaged(`${this.#store.url}: segment ${id.slice(0, 16)}`, 'it is not a document');
    return parseJson(document, `segment ${id}`);
  }

  /** Whether the packs that segments need are there, with the right size. Reads no content. Packs found missing are not relied on by later batches. */
  async statPacks(ids: readonly string[], options: CallOptions & { readonly since?: number } = {}): Promise<PackCheck> {
    await this.refresh(options);
    const limit = pLimit(PARALLEL_STATS);
    const needed = new Set<number>();
    const missing: string[] = [];
    const recent: number[] = [];
    for (const id of ids) {
      const [place] = this.#index.find(segmentId(id));
      if (place && this.#index.isSafe(segmentId(id))) needed.add(place.pack);
      else missing.push(id);
    }
    const checks = [...needed].map((number) =>
      limit(async () => {
        const { packId, sizeBytes } = this.#index.pack(number);
        const found = await this.#store.stat(packKey(packId), options);
        if (options.since !== undefined && found && Date.parse(found.modifiedAt) >= options.since) recent.push(number);
        if (found?.sizeBytes === sizeBytes) return;
        this.#index.markMissing(number);
        missing.push(packKey(packId));
      }),
    );
    await Promise.all(checks);
    return { packs: needed.size, missing: missing.sort(), ...(options.since === undefined ? {} : { recent }) };
  }

  /** Reads and checks whole packs that segments need: names, trailers, every frame. Returns the number of segments in them. */
  async verifyPacks(ids: readonly string[], options: CallOptions = {}): Promise<number> {
    await this.#know(ids, options);
    const packs = new Set(ids.flatMap((id) => this.#index.find(segmentId(id)).map(({ pack }) => pack)));
    let segments = 0;
    for (const number of packs) segments += await this.#reader.verifyPack(this.#index.pack(number), options);
    return segments;
  }

  /**
   * Writes the manifest: the moment from which the backup exists. Twice for one run id gives the first answer; a name in use is `AlreadyExists`.
   * `Conflict` when garbage collection has taken, since the indexes were read, what the backup relies on; then nothing is committed.
   * `LocationGone` when the repository is not where it was.
   */
  async commit(manifest: BackupManifest, options: CallOptions = {}): Promise<CommitResult> {
    await this.#assertHere(options);
    const refresh = (): Promise<void> => this.refresh(options);
    const parts = { url: this.#store.url, index: this.#index, reader: this.#reader, refresh };
    return this.#chain.commit(manifest, { ...options, ready: (entries) => assertNothingCollected(parts, { manifest, entries }, options) });
  }

  /** All backups, newest last. Damaged ones are left out; `problems` names them. */
  async backups(options: CallOptions = {}): Promise<BackupEntry[]> {
    return liveBackups((await this.#chain.read(options)).entries);
  }

  /** A backup by name (text) or by sequence (number); `NotFound`. */
  async findBackup(nameOrSequence: string | number, options: CallOptions = {}): Promise<BackupEntry> {
    const { entries } = await this.#chain.read(options);
    const found = liveBackups(entries).find(({ sequence, manifest }) => nameOrSequence === sequence || nameOrSequence === manifest.name);
    if (found) return found;
    const unreadable = entries.find((entry) => 'damage' in entry.content && entry.sequence === nameOrSequence);
    if (unreadable && 'damage' in unreadable.content) throw unreadable.content.damage;
    const damage = entries.filter(({ content }) => 'damage' in content).length;
    const what = typeof nameOrSequence === 'number' ? `with sequence ${nameOrSequence}` : `named ${nameOrSequence}`;
    throw new HoldfastError('NotFound', `${this.#store.url}: there is no backup ${what}`, {
      advice:
        damage === 0
          ? 'see "holdfast backup get"'
          : `${damage} manifest(s) are damaged, it may be one of them: see "holdfast repository check"`,
    });
  }

  /** A backup whose sequence is known from `findBackup` or `commit`, read alone: the length of the chain does not matter. `NotFound`, `Damaged`. */
  async readBackup(sequence: number, options: CallOptions = {}): Promise<StoredBackup> {
    const { hash, content } = await this.#chain.readEntry(sequence, options);
    if ('damage' in content) throw content.damage;
    const { manifest } = content;
    if (manifest.type === 'backup') return { sequence, hash, manifest };
    throw new HoldfastError('NotFound', `${this.#store.url}: sequence ${sequence} is no backup`, { advice: 'see "holdfast backup get"' });
  }

  deleteBackups(names: readonly string[], options: DeletionOptions = {}): Promise<DeletionResult> {
    return deleteBackups({ store: this.#store, chain: this.#chain }, names, { ...options, deletedAt: new Date().toISOString() });
  }

  /** Forbids to delete backups until they are released. `NotFound` when there is none of a name. */
  hold(names: readonly string[], reason: string, options: CallOptions = {}): Promise<HoldResult> {
    return this.#changeHolds('hold', { names, reason }, options);
  }

  /** Lets backups that were held be deleted again. `NotFound` when there is none of a name. */
  release(names: readonly string[], reason: string, options: CallOptions = {}): Promise<HoldResult> {
    return this.#changeHolds('release', { names, reason }, options);
  }

  /** The whole chain of manifests, with what is wrong with it. */
  readChain(options: CallOptions = {}): Promise<Chain> {
    return this.#chain.read(options);
  }

  /** Everything that is known to be wrong with chain and indexes. */
  async problems(options: CallOptions = {}): Promise<Issue[]> {
    await this.refresh(options);
    return [...(await this.#chain.read(options)).problems, ...this.#index.problems];
  }

  /** Keeps the account of a run that is not a backup. Repeating it with the same body succeeds; another body is `AlreadyExists`. */
  writeRecord(record: StoredRecord, options: CallOptions = {}): Promise<void> {
    return this.#records.write(record, options);
  }

  readRecord(kind: string, id: string, options: CallOptions = {}): Promise<StoredRecord> {
    return this.#records.read(kind, id, options);
  }

  /** By id. */
  listRecords(kind: string, options: CallOptions = {}): Promise<StoredRecord[]> {
    return this.#records.list(kind, options);
  }

  #changeHolds(
    type: 'hold' | 'release',
    what: { readonly names: readonly string[]; readonly reason: string },
    options: CallOptions,
  ): Promise<HoldResult> {
    return changeHolds({ url: this.#store.url, chain: this.#chain }, { type, ...what, at: new Date().toISOString() }, options);
  }

  /** A disk that is not mounted any more leaves an empty folder, which takes whatever is written into it. */
  async #assertHere(options: CallOptions): Promise<void> {
    if (await this.#store.stat(CONFIG_KEY, options)) return;
    throw new HoldfastError('LocationGone', `${this.#store.url}: the repository is not here any more`, {
      advice: 'mount the disk, or bring the location back',
    });
  }

  /** Another process may have stored a segment since our indexes were read. */
  async #know(ids: readonly string[], options: CallOptions): Promise<void> {
    if (!ids.every((id) => this.has(id))) await this.refresh(options);
  }
}

function segmentId(id: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new HoldfastError('BadInput', `${JSON.stringify(id.slice(0, 80))} is not a segment id`);
  return Buffer.from(id, 'hex');
}
