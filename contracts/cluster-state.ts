import type { EtcdRequest } from './etcd.ts';
import type { HelmRequest } from './helm.ts';

/** What a backup does about a cluster's state beside its objects and volumes. docs/cluster-state.md */
export interface ClusterStateRequest {
  /** Also a snapshot of the cluster's etcd. */
  readonly etcd?: EtcdRequest;
  /** Also the charts of Helm releases. */
  readonly helm?: HelmRequest;
  /** Git remotes, by name, that get the captured state as a commit. */
  readonly git?: readonly string[];
}
