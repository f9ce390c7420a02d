import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { listingCluster } from './fake-cluster.ts';

type Loose = Record<string, unknown>;

/**
 * A cluster with a snapshot controller and a driver's sidecar, as far as the deletion of snapshots goes: they bind a VolumeSnapshot to the content it names and protect
 * both; a deleted VolumeSnapshot takes a content with policy Delete with it, and that the snapshot in the storage.
 */
export class SnapshotCluster {
  /** Handles that the storage has. */
  readonly stored: Set<string>;
  readonly objects = new Map<string, Loose>();
  uid = 'uid';
  /** False: nobody binds or deletes anything. */
  works = true;
  readonly created: string[] = [];

  constructor(stored: readonly string[]) {
    this.stored = new Set(stored);
  }

  get cluster(): Cluster {
    const base = listingCluster(new Map());
    return {
      ...base,
      listPage: (request) => {
        const items = [...this.objects].filter(([key]) => key.startsWith(`${request.type.resource}/`));
        const raw = items.map(([, object]) => ({ object: object as JsonObject, bytes: Buffer.from('') }));
        return Promise.resolve({ revision: '1', continueToken: '', items: raw });
      },
      get: (ref) => {
        if (ref.name === 'kube-system') return Promise.resolve(rawOf({ metadata: { uid: this.uid } }));
        this.#control();
        const found = this.objects.get(keyOf(ref));
        return Promise.resolve(found && rawOf(structuredClone(found)));
      },
      create: (ref, object) => {
        if (this.objects.has(keyOf(ref))) return Promise.reject(new HoldfastError('AlreadyExists', keyOf(ref)));
        this.created.push(keyOf(ref));
        this.objects.set(keyOf(ref), structuredClone(object));
        return Promise.resolve();
      },
      delete: (ref) => {
        const object = this.objects.get(keyOf(ref));
        if (object) metadataOf(object)['deletionTimestamp'] = 'now';
        return Promise.resolve();
      },
    };
  }

  /** What the controllers do between two looks. */
  #control(): void {
    if (!this.works) return;
    for (const [key, object] of this.objects) {
      const metadata = metadataOf(object);
      const spec = object['spec'] as Loose;
      const isDeleted = metadata['deletionTimestamp'] !== undefined;
      if (key.startsWith('volumesnapshots/')) {
        const content = this.objects.get(`volumesnapshotcontents//${String((spec['source'] as Loose)['volumeSnapshotContentName'])}`);
        if (content && !isDeleted) (content['spec'] as { volumeSnapshotRef: Loose }).volumeSnapshotRef['uid'] = 'bound';
        if (content && isDeleted && (content['spec'] as Loose)['deletionPolicy'] === 'Delete')
          metadataOf(content)['deletionTimestamp'] = 'now';
        if (isDeleted) this.objects.delete(key);
      } else if (isDeleted) {
        if (spec['deletionPolicy'] === 'Delete' && metadata['finalizers'] !== undefined)
          this.stored.delete(String((spec['source'] as Loose)['snapshotHandle']));
        this.objects.delete(key);
      } else {
        metadata['finalizers'] = ['protected'];
      }
    }
  }
}

function metadataOf(object: Loose): Loose {
  return object['metadata'] as Loose;
}

function keyOf({ type, namespace, name }: ObjectRef): string {
  return `${type.resource}/${namespace}/${name}`;
}

function rawOf(object: Loose) {
  return { object: object as JsonObject, bytes: Buffer.from('') };
}
