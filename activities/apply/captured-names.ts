import { parseLossless } from '../../domain/json/lossless.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { OrderedSegment } from '../../domain/resource/order.ts';
import type { Repository } from '../../repository/repository.ts';

const NONE: ReadonlySet<string> = new Set();

/** The names of the objects that a restore takes, read when they are first asked for. */
export class CapturedNames {
  readonly #repository: Repository;
  readonly #segments = new Map<string, string[]>();
  readonly #names = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(repository: Repository, ordered: readonly OrderedSegment[]) {
    this.#repository = repository;
    for (const { type, namespace, id } of ordered) {
      const key = `${resourceKey(type)}/${namespace}`;
      const ids = this.#segments.get(key);
      if (ids) ids.push(id);
      else this.#segments.set(key, [id]);
    }
  }

  /** `kind` is `plural.group`; `namespace` the captured one, '' for cluster-scoped kinds. */
  of(kind: string, namespace: string): Promise<ReadonlySet<string>> {
    const key = `${kind}/${namespace}`;
    const segments = this.#segments.get(key);
    if (!segments) return Promise.resolve(NONE);
    let names = this.#names.get(key);
    if (!names) {
      names = this.#read(segments);
      this.#names.set(key, names);
    }
    return names;
  }

  async #read(segments: readonly string[]): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for await (const segment of this.#repository.readWhatIsLeft(segments)) {
      if ('damage' in segment) continue;
      for (const record of segment.records) names.add(textAt(parseLossless(record.toString('utf8')), 'metadata', 'name'));
    }
    return names;
  }
}
