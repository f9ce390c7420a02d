import type { CaptureResult } from '../../contracts/activities.ts';
import type { CapturedKind, CapturedReferences, CapturedResource, SegmentRef } from '../../contracts/manifest.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { mergeKinds } from '../../domain/backup/captured-kinds.ts';
import { endsSegment } from '../../domain/backup/segmenter.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { mergeReferences, referencesOf } from '../../domain/resource/references.ts';
import type { RawObject } from '../../kubernetes/port.ts';
import type { BatchWriter } from '../../repository/batch-writer.ts';

/** References are merged once this many have gathered: most objects of a kind point at the same few things. */
const MERGE_EVERY = 512;

interface Group {
  readonly type: ResourceType;
  readonly namespace: string;
  count: number;
  bytes: number;
  readonly segments: SegmentRef[];
  open: Buffer[];
  openBytes: number;
}

/** Where a page of objects came from. */
export interface Provenance {
  readonly type: ResourceType;
  readonly revision: string;
  readonly fallbackReason: string;
}

/** Sorts captured objects into segments, one kind and namespace each, and hands full ones to the repository. */
export class Collector {
  readonly #batch: BatchWriter;
  readonly #groups = new Map<string, Group>();
  #kinds: readonly CapturedKind[] = [];
  #references: CapturedReferences = mergeReferences([]);
  #pendingReferences: CapturedReferences[] = [];
  #current: Group | undefined;
  objects = 0;
  bytes = 0;

  constructor(batch: BatchWriter) {
    this.#batch = batch;
  }

  async add(from: Provenance, items: readonly RawObject[]): Promise<void> {
    let bytes = 0;
    for (const item of items) {
      bytes += item.bytes.length;
      this.#put(from.type, item);
    }
    if (items.length === 0) return;
    // Full packs go up in the background; memory holds no more than a few of them.
    await this.#batch.ready();
    this.objects += items.length;
    this.bytes += bytes;
    const reason = from.fallbackReason === '' ? {} : { fallbackReason: from.fallbackReason };
    this.#kinds = mergeKinds(this.#kinds, [{ type: from.type, count: items.length, bytes, revision: from.revision, ...reason }]);
  }

  /** Stores what is still open and the part that lists it all. Nothing captured: an empty result, nothing written. */
  async finish(
    issues: { readonly warnings: readonly Issue[]; readonly errors: readonly Issue[] },
    signal: AbortSignal,
  ): Promise<CaptureResult> {
    for (const group of this.#groups.values()) this.#close(group);
    const resources = [...this.#groups.values()].map(({ type, namespace, count, bytes, segments }): CapturedResource => ({
      type,
      namespace,
      count,
      bytes,
      segments,
    }));
    this.#mergePending();
    const part = resources.length === 0 ? '' : this.#batch.addDocument({ resources, references: this.#references });
    const stored = await this.#batch.finish(signal);
    const sizes = { read: this.bytes, stored: stored.storedBytes, newSegments: stored.newSegments, knownSegments: stored.knownSegments };
    return { part, kinds: this.#kinds, sizes, ...issues };
  }

  #put(type: ResourceType, item: RawObject): void {
    const namespace = textAt(item.object, 'metadata', 'namespace');
    const group = this.#group(type, namespace);
    // Lists come ordered by namespace: the one before is complete, and its page need not be kept in memory.
    if (this.#current && this.#current !== group) this.#close(this.#current);
    this.#current = group;
    group.count += 1;
    group.bytes += item.bytes.length;
    group.open.push(item.bytes);
    group.openBytes += item.bytes.length;
    this.#pendingReferences.push(referencesOf(item.object, type));
    if (this.#pendingReferences.length >= MERGE_EVERY) this.#mergePending();
    if (endsSegment(textAt(item.object, 'metadata', 'name'), group.openBytes)) this.#close(group);
  }

  #group(type: ResourceType, namespace: string): Group {
    const key = `${resourceKey(type)}/${namespace}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = { type, namespace, count: 0, bytes: 0, segments: [], open: [], openBytes: 0 };
      this.#groups.set(key, group);
    }
    return group;
  }

  #close(group: Group): void {
    if (group.open.length === 0) return;
    const id = this.#batch.add(group.open);
    group.segments.push({ id, count: group.open.length });
    group.open = [];
    group.openBytes = 0;
  }

  #mergePending(): void {
    this.#references = mergeReferences([this.#references, ...this.#pendingReferences]);
    this.#pendingReferences = [];
  }
}
