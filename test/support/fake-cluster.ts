import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { RevisionGone, type Cluster, type ListPage, type ListRequest, type RawObject } from '../../kubernetes/port.ts';

/** What a test does instead of answering one list request. */
export type ListScript = (request: ListRequest, page: () => ListPage) => ListPage | Promise<ListPage>;

export interface ListingCluster extends Cluster {
  readonly requests: ListRequest[];
  /** Lists that are under way now, and the most that ever were. */
  readonly underWay: { now: number; most: number };
}

/**
 * A cluster that lists given objects, page by page, as an API server does. Only what capturing needs: everything else rejects. The real one is
 * in test/integration.
 */
export function listingCluster(
  objects: ReadonlyMap<string, readonly JsonObject[]>,
  script: ListScript = (_, page) => page(),
): ListingCluster {
  const requests: ListRequest[] = [];
  const underWay = { now: 0, most: 0 };
  const refuse = (): never => {
    throw new HoldfastError('BadInput', 'the listing cluster only lists');
  };
  return {
    name: 'fake',
    requests,
    underWay,
    listPage: async (request, options) => {
      requests.push(request);
      underWay.now += 1;
      underWay.most = Math.max(underWay.most, underWay.now);
      await new Promise((resolve) => setImmediate(resolve));
      try {
        options?.signal?.throwIfAborted();
        return await script(request, () => pageOf(objects.get(request.type.resource) ?? [], request));
      } finally {
        underWay.now -= 1;
      }
    },
    now: () => Promise.resolve({ revision: '100', serverTime: '2026-11-22T00:00:00.000Z' }),
    version: refuse,
    discover: refuse,
    get: refuse,
    create: refuse,
    apply: refuse,
    patch: refuse,
    delete: refuse,
    watch: refuse,
    exec: refuse,
    logs: refuse,
    close: () => Promise.resolve(),
  };
}

export function gone(continueToken = ''): never {
  throw new RevisionGone('the revision was compacted', continueToken);
}

export function object(name: string, namespace = 'a', more: JsonObject = {}): JsonObject {
  return { metadata: { name, ...(namespace === '' ? {} : { namespace }) }, ...more };
}

export function typeOf(resource: string, namespaced = true): ResourceType {
  return { group: '', version: 'v1', kind: resource, resource, namespaced };
}

function pageOf(objects: readonly JsonObject[], request: ListRequest): ListPage {
  const inNamespace = objects.filter(
    (item) => request.namespace === '' || (item['metadata'] as JsonObject)['namespace'] === request.namespace,
  );
  const from = request.continueToken === '' ? 0 : Number(request.continueToken);
  const items = inNamespace
    .slice(from, from + request.limit)
    .map((item): RawObject => ({ object: item, bytes: Buffer.from(JSON.stringify(item)) }));
  const end = from + items.length;
  const revision = request.exactRevision === '' && request.continueToken === '' ? '200' : '100';
  return { revision, continueToken: end < inNamespace.length ? String(end) : '', items };
}
