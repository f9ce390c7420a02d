import { runInNode } from '../../sandbox/node/enter-node.ts';
import type { NodePlace } from './node-place.ts';
import type { PlainObject } from './raw-api.ts';

/** Below it are the volumes, on the node. */
const FOLDER = '/var/lib/holdfast-test-volumes';

/** A claim with a volume that waits for it: a folder of the node that belongs to root. */
export function volumeAndClaim(namespace: string, claim: string): { readonly volume: PlainObject; readonly claim: PlainObject } {
  const metadata = { namespace, name: claim };
  const request = { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand' };
  return {
    volume: {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${namespace}-${claim}` },
      spec: {
        ...request,
        capacity: { storage: '1Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...metadata },
        hostPath: { path: `${FOLDER}/${namespace}/${claim}`, type: 'DirectoryOrCreate' },
      },
    },
    claim: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata,
      spec: { ...request, resources: { requests: { storage: '1Gi' } } },
    },
  };
}

/** The namespace is gone, with the volumes of these claims and all that was in them. */
export async function loseNamespace({ node, place }: NodePlace, namespace: string, claims: readonly string[]): Promise<void> {
  await place.api.removeNamespaces(namespace);
  for (const claim of claims) await place.api.remove(volumeAndClaim(namespace, claim).volume);
  await runInNode(node.place, ['rm', '-rf', `${FOLDER}/${namespace}`]);
}
