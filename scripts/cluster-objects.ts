import { HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../contracts/resource.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { until } from './in-parallel.ts';
import { at, isRecord, list, text, title } from './raw-objects.ts';

const FIELD_MANAGER = 'shop-deployer';
const PAGE = 500;

/** Objects of one cluster as a person with a terminal handles them, by manifest. */
export class ClusterObjects {
  readonly #cluster: Cluster;
  #types: readonly ResourceType[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Creates an object of a manifest, its owners' uids filled in; a `status` in it is set afterwards. */
  async create(manifest: JsonObject): Promise<void> {
    const { status, ...desired } = await this.#withOwnerUids(manifest);
    const ref = await this.ref(manifest);
    await until(`${title(manifest)} can be created`, async () => {
      try {
        await this.#cluster.create(ref, desired, { fieldManager: FIELD_MANAGER });
        return true;
      } catch (error) {
        // The kind is served, yet not everywhere in the server.
        if (error instanceof HoldfastError && error.type === 'NotFound') return false;
        throw error;
      }
    });
    if (isRecord(status)) await this.#cluster.patch(ref, { status }, { fieldManager: FIELD_MANAGER, subresource: 'status' });
  }

  async get(manifest: JsonObject): Promise<JsonObject | undefined> {
    return (await this.#cluster.get(await this.ref(manifest)))?.object;
  }

  /** Deletes an object and waits until it is gone. */
  async remove(manifest: JsonObject): Promise<void> {
    const ref = await this.ref(manifest);
    await this.#cluster.delete(ref);
    await until(`${title(manifest)} is gone`, async () => (await this.#cluster.get(ref)) === undefined);
  }

  /** All objects of the manifest's kind in its namespace, by name. */
  async all(manifest: JsonObject): Promise<ReadonlyMap<string, JsonObject>> {
    const { type, namespace } = await this.ref(manifest);
    const found = new Map<string, JsonObject>();
    let continueToken = '';
    do {
      const page = await this.#cluster.listPage({ type, namespace, labelSelector: '', limit: PAGE, exactRevision: '', continueToken });
      for (const { object } of page.items) found.set(text(object, 'metadata', 'name'), object);
      ({ continueToken } = page);
    } while (continueToken !== '');
    return found;
  }

  /** Where the object of a manifest is in the API. Waits for a kind that has only just been defined. */
  async ref(manifest: JsonObject): Promise<ObjectRef> {
    const apiVersion = text(manifest, 'apiVersion');
    const kind = text(manifest, 'kind');
    const find = () => this.#types.find((type) => type.kind === kind && groupVersion(type) === apiVersion);
    await until(`${apiVersion} ${kind} is served`, async () => {
      if (find() === undefined) this.#types = (await this.#cluster.discover()).types;
      return find() !== undefined;
    });
    const type = find();
    if (type === undefined) throw new Error(`${apiVersion} ${kind} is not served`);
    return { type, namespace: text(manifest, 'metadata', 'namespace'), name: text(manifest, 'metadata', 'name') };
  }

  async #withOwnerUids(manifest: JsonObject): Promise<JsonObject> {
    const namespace = text(manifest, 'metadata', 'namespace');
    const ownerReferences: JsonObject[] = [];
    for (const reference of list(manifest, 'metadata', 'ownerReferences')) {
      if (!isRecord(reference)) continue;
      const owner = await this.get({ ...reference, metadata: { namespace, name: text(reference, 'name') } });
      ownerReferences.push({ ...reference, uid: text(owner, 'metadata', 'uid') });
    }
    if (ownerReferences.length === 0) return manifest;
    return { ...manifest, metadata: { ...(at(manifest, 'metadata') as JsonObject), ownerReferences } };
  }
}

function groupVersion({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}
