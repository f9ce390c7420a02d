import { STREAMS, type CapturePart, type SegmentRef } from '../../contracts/manifest.ts';
import { apiVersionOf, resourceKey } from '../../domain/resource/identity.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import type { BackupEntry } from '../chain-entries.ts';
import { parseJson } from '../documents.ts';
import type { Repository } from '../repository.ts';
import { uncatalogued } from './backup-health.ts';
import type { AffectedObjects, OnProgress } from './report.ts';

/** Segments whose size is remembered, so that backups that share them do not read them again. */
const REMEMBERED = 1_000_000;
const POSITIONS = 2 ** 32;

export interface VerifyOptions extends CallOptions {
  /** Share of the segments that is read, 100 for all. */
  readonly samplePercent: number;
  /** Eight hexadecimal digits: which segments a sample takes. */
  readonly seed: string;
  readonly onProgress?: OnProgress;
}

/** What verifying one backup has shown. */
export interface BackupVerification {
  readonly name: string;
  readonly sequence: number;
  /** `whole` also after a sample: nothing that was read was wrong. */
  readonly state: 'whole' | 'damaged';
  readonly segments: { readonly read: number; readonly total: number };
  /** Objects and bytes of JSON that were read back and authenticated, and what the manifest counts. */
  readonly objects: { readonly read: number; readonly expected: number };
  readonly bytes: { readonly read: number; readonly expected: number };
  /** Counts that are not what the manifest says. */
  readonly mismatches: readonly string[];
  readonly affected: readonly AffectedObjects[];
}

interface Wanted extends SegmentRef {
  readonly type: ResourceType;
  readonly namespace: string;
}

interface Size {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Reads backups back as a restore would, authenticates every byte, counts, and compares with what their manifests say. Goes on behind whatever
 * is damaged; segments that several backups share are read once.
 */
export class BackupVerifier {
  readonly #repository: Repository;
  readonly #options: VerifyOptions;
  readonly #known = new Map<string, Size>();

  constructor(repository: Repository, options: VerifyOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  async verify({ sequence, manifest }: BackupEntry): Promise<BackupVerification> {
    const { wanted, affected, mismatches } = await this.#catalogue(manifest);
    const sample = this.#sampleOf(wanted);
    const tally = new Tally();
    await this.#readAll(sample, { tally, affected });
    if (sample.length === wanted.length && affected.length === 0) mismatches.push(...tally.compare(manifest.kinds));
    const listed = wanted.reduce((sum, { type, count }) => sum + (isStream(type) ? 0 : count), 0);
    if (affected.length === 0 && listed !== manifest.objectCount) {
      mismatches.push(`the catalogues list ${listed} objects, the manifest counts ${manifest.objectCount}`);
    }
    return {
      name: manifest.name,
      sequence,
      state: affected.length + mismatches.length === 0 ? 'whole' : 'damaged',
      segments: { read: sample.length, total: wanted.length },
      objects: { read: tally.objects, expected: manifest.objectCount },
      bytes: { read: tally.bytes, expected: manifest.kinds.reduce((sum, { bytes }) => sum + bytes, 0) },
      mismatches,
      affected,
    };
  }

  async #catalogue({ parts, kinds }: BackupEntry['manifest']) {
    const wanted: Wanted[] = [];
    const listed = new Map<string, number>();
    let lost = '';
    const mismatches: string[] = [];
    for await (const part of this.#repository.readWhatIsLeft(parts, this.#options)) {
      if ('damage' in part) {
        lost ||= part.damage.message;
        continue;
      }
      const { resources } = parseJson(part.records[0] ?? Buffer.alloc(0), `segment ${part.id}`) as CapturePart;
      for (const { type, namespace, count, segments } of resources) {
        listed.set(resourceKey(type), (listed.get(resourceKey(type)) ?? 0) + count);
        wanted.push(...segments.map((segment) => ({ ...segment, type, namespace })));
        const sum = segments.reduce((total, segment) => total + segment.count, 0);
        if (sum !== count) mismatches.push(`${resourceKey(type)} of "${namespace}": ${sum} in segments, ${count} in the catalogue`);
      }
    }
    return { wanted, affected: lost === '' ? [] : [...uncatalogued(kinds, listed, lost)], mismatches };
  }

  /** Ids are keyed hashes: those in a stretch of their values are a random choice. */
  #sampleOf(wanted: readonly Wanted[]): readonly Wanted[] {
    const { samplePercent, seed } = this.#options;
    if (samplePercent >= 100) return wanted;
    const from = Number.parseInt(seed, 16);
    const taken = wanted.filter(
      ({ id }) => (Number.parseInt(id.slice(0, 8), 16) - from + POSITIONS) % POSITIONS < (POSITIONS * samplePercent) / 100,
    );
    return taken.length > 0 ? taken : wanted.slice(0, 1);
  }

  async #readAll(sample: readonly Wanted[], into: { readonly tally: Tally; readonly affected: AffectedObjects[] }): Promise<void> {
    const unread = sample.filter(({ id }) => !this.#known.has(id));
    for (const one of sample) this.#take(one, this.#known.get(one.id), into);
    let done = 0;
    let position = 0;
    for await (const read of this.#repository.readWhatIsLeft(
      unread.map(({ id }) => id),
      this.#options,
    )) {
      const one = unread[position];
      position += 1;
      if (!one) continue;
      if ('damage' in read) {
        const { type, namespace, count } = one;
        into.affected.push({ apiVersion: apiVersionOf(type), kind: type.kind, namespace, count, reason: read.damage.message });
        continue;
      }
      const size = { count: read.records.length, bytes: read.records.reduce((sum, { length }) => sum + length, 0) };
      if (this.#known.size < REMEMBERED) this.#known.set(one.id, size);
      this.#take(one, size, into);
      done += size.bytes;
      this.#options.onProgress?.({ step: 'reading segments', done: position, total: unread.length, bytes: done });
    }
  }

  #take(one: Wanted, size: Size | undefined, { tally, affected }: { readonly tally: Tally; readonly affected: AffectedObjects[] }): void {
    if (!size) return;
    if (!isStream(one.type)) tally.add(resourceKey(one.type), size);
    if (size.count === one.count) return;
    const { type, namespace, count } = one;
    const reason = `a segment of ${count} objects holds ${size.count}`;
    affected.push({ apiVersion: apiVersionOf(type), kind: type.kind, namespace, count, reason });
  }
}

/** Pieces of dumps, charts and snapshots of etcd: read and proven like objects, and none of those that a manifest counts. */
function isStream(type: ResourceType): boolean {
  return type.group === STREAMS.group;
}

/** What was read of one backup. */
class Tally {
  readonly #kinds = new Map<string, Size>();
  objects = 0;
  bytes = 0;

  add(kind: string, { count, bytes }: Size): void {
    const before = this.#kinds.get(kind) ?? { count: 0, bytes: 0 };
    this.#kinds.set(kind, { count: before.count + count, bytes: before.bytes + bytes });
    this.objects += count;
    this.bytes += bytes;
  }

  /** What differs from the counts of a manifest, kind by kind. */
  compare(kinds: BackupEntry['manifest']['kinds']): string[] {
    return kinds.flatMap(({ type, count, bytes }) => {
      const read = this.#kinds.get(resourceKey(type)) ?? { count: 0, bytes: 0 };
      if (read.count === count && read.bytes === bytes) return [];
      return [`${resourceKey(type)}: ${read.count} objects of ${read.bytes} bytes read, ${count} of ${bytes} in the manifest`];
    });
  }
}
