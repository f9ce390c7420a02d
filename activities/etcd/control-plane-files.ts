import type { JsonObject } from '../../contracts/json.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { NodeFiles } from '../../movers/port.ts';
import { moverId } from '../volume/mover-id.ts';

const NODES: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';
/** More control-plane nodes than anybody has. */
const MOST = 100;

/** Absolute paths of a node's folders. */
export interface ControlPlaneFolders {
  readonly pki: string;
  readonly manifests: string;
}

/** Where kubeadm keeps them. */
const KUBEADM_FOLDERS: ControlPlaneFolders = { pki: '/etc/kubernetes/pki', manifests: '/etc/kubernetes/manifests' };

export interface ControlPlaneFilesWork {
  readonly cluster: Cluster;
  readonly nodeFiles: NodeFiles;
  /** Names the pod: the same in every attempt. */
  readonly runId: string;
  readonly signal: AbortSignal;
  /** Default: kubeadm's. */
  readonly folders?: ControlPlaneFolders;
}

export interface ControlPlaneFiles {
  /** A tar with the folders `pki` and `manifests`. It holds private keys. */
  readonly content: AsyncIterable<Buffer>;
  readonly warnings: readonly Issue[];
}

/**
 * The files of one control-plane node: certificates with their keys, and the manifests of static pods. `BadInput` when the cluster shows no such node, as
 * managed clusters do not. Nothing is read before `content` is.
 */
export async function controlPlaneFiles(work: ControlPlaneFilesWork): Promise<ControlPlaneFiles> {
  const { cluster, nodeFiles, runId, signal, folders = KUBEADM_FOLDERS } = work;
  const request = { type: NODES, namespace: '', labelSelector: CONTROL_PLANE, limit: MOST, exactRevision: '', continueToken: '' };
  const nodes = (await cluster.listPage(request, { signal })).items.map(({ object }) => object);
  const [node] = [...nodes.filter(isReady), ...nodes].map(nameOf);
  if (node === undefined) {
    throw new HoldfastError(FailureType.BadInput, `cluster ${cluster.name} shows no control-plane node, so its files cannot be read`, {
      advice: 'managed clusters keep theirs for themselves: leave out --control-plane-files',
    });
  }
  const others = nodes.map(nameOf).filter((name) => name !== node);
  const content = nodeFiles.read(
    { id: moverId(runId, { namespace: '', claim: 'control-plane-files' }), run: runId, node, folders: { ...folders } },
    signal,
  );
  return { content, warnings: others.length === 0 ? [] : [oneOfMany(node, others)] };
}

function oneOfMany(node: string, others: readonly string[]): Issue {
  const message = `the control plane's files are those of node ${node}; certificates of its own has each of the others: ${others.join(', ')}`;
  return { code: 'ControlPlaneFilesOfOneNode', message };
}

function nameOf(node: JsonObject): string {
  return textAt(node, 'metadata', 'name');
}

function isReady(node: JsonObject): boolean {
  return listAt(node, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}
