import { runInNode } from '../../sandbox/node/enter-node.ts';
import type { NodePlace } from './node-place.ts';
import { folderVolume } from './objects.ts';

/** Below it are the volumes, on the node. */
const FOLDER = '/var/lib/holdfast-test-volumes';

/** A claim with a volume that waits for it: a folder of the node that belongs to root. */
export function volumeAndClaim(namespace: string, claim: string): ReturnType<typeof folderVolume> {
  return folderVolume({ namespace, claim, folder: `${FOLDER}/${namespace}/${claim}` });
}

/** The namespace is gone, with the volumes of these claims and all that was in them. */
export async function loseNamespace({ node, place }: NodePlace, namespace: string, claims: readonly string[]): Promise<void> {
  await place.api.removeNamespaces(namespace);
  for (const claim of claims) await place.api.remove(volumeAndClaim(namespace, claim).volume);
  await runInNode(node.place, ['rm', '-rf', `${FOLDER}/${namespace}`]);
}
