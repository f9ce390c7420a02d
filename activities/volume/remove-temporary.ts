import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CLAIMS, PODS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import type { Pulse } from '../heartbeat.ts';
import { VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';
import { RUN_LABEL, runLabel } from './temporary.ts';

const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };

export interface RemoveTemporaryWork {
  readonly cluster: Cluster;
  readonly runId: string;
  readonly namespaces: readonly string[];
  readonly pulse: Pulse;
}

/** Deletes everything that a run has made for itself in some namespaces: pods first, then what they mount, then what that was made from. */
export async function removeTemporary({ cluster, runId, namespaces, pulse }: RemoveTemporaryWork): Promise<void> {
  const { types } = await cluster.discover({ signal: pulse.signal });
  const served = types.some(({ group, resource }) => group === VOLUME_SNAPSHOTS.group && resource === VOLUME_SNAPSHOTS.resource);
  for (const type of [PODS, SECRETS, CLAIMS, ...(served ? [VOLUME_SNAPSHOTS] : [])]) {
    for (const namespace of namespaces) await removeIn({ cluster, runId, namespace, pulse }, type);
  }
}

type Place = Omit<RemoveTemporaryWork, 'namespaces'> & { readonly namespace: string };

async function removeIn({ cluster, runId, namespace, pulse }: Place, type: ResourceType): Promise<void> {
  const labelSelector = `${RUN_LABEL}=${runLabel(runId)}`;
  for (const object of await listAll(cluster, { type, namespace, labelSelector }, pulse.signal)) {
    pulse.beat();
    await cluster.delete({ type, namespace, name: textAt(object, 'metadata', 'name') }, { signal: pulse.signal });
  }
}
