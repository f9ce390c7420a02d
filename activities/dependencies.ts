import type { EtcdAccess } from '../contracts/etcd.ts';
import type { AfterBackup } from '../contracts/protection.ts';
import type { Etcd } from '../etcd/port.ts';
import type { Charts, HelmProgram } from '../helm/port.ts';
import type { GitRemote } from '../git/port.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Mover, NodeFiles, VolumeRepository } from '../movers/port.ts';
import type { Plugins } from '../plugins/plugin.ts';
import type { CheckReport, OnProgress } from '../repository/check/report.ts';
import type { Repository } from '../repository/repository.ts';
import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import type { ControlPlaneFolders } from './etcd/control-plane-files.ts';

/** How much of a location to check. */
interface CheckLocationRequest extends CallOptions {
  /** Share of the packs, by bytes, that is read; 0 for none, 100 for all. */
  readonly readDataPercent: number;
  readonly onProgress?: OnProgress;
}

/** Everything that activities reach the world through. workers/dependencies.ts builds it; the clients are shared and long-lived. */
export interface ActivityDependencies {
  /** The cluster of that name, connected. `NotFound` when this worker does not serve it. */
  cluster(name: string): Promise<Cluster>;
  /** The repository in the location of that name, opened and with a fresh index. */
  repository(location: string): Promise<Repository>;
  /** The same, reached with the rights to delete. */
  maintenanceRepository(location: string): Promise<Repository>;
  /** The location of that name itself, for work that needs no key. */
  store(location: string): Promise<ObjectStore>;
  /** Proves that the location of that name holds what was written, also against what was seen of it before on this machine. */
  checkLocation(location: string, request: CheckLocationRequest): Promise<CheckReport>;
  /** What brings applications into a consistent state. */
  plugins(): Promise<Plugins>;
  /** Helm's release records, the charts in them, and where charts are pushed to. */
  charts(): Promise<Charts>;
  /** Helm itself for that cluster; built from pinned sources where there is none, which takes minutes. `NotFound` when that cannot be done. */
  helm(cluster: string, building?: { readonly signal: AbortSignal; readonly beat: () => void }): Promise<HelmProgram>;
  /** What copies the data of that cluster's volumes. */
  mover(cluster: string): Promise<Mover>;
  /** What reads files of that cluster's nodes. */
  nodeFiles(cluster: string): Promise<NodeFiles>;
  /** Where the control plane of that cluster keeps its files, when the configuration says so. */
  controlPlaneFolders(cluster: string): ControlPlaneFolders | undefined;
  /** Where the volumes of the cluster with that uid are kept in the location of that name; made when there is none. */
  volumeRepository(location: string, clusterUid: string, signal: AbortSignal): Promise<VolumeRepository>;
  /** The etcd of that cluster, as the request says, otherwise as the configuration does. Whoever asks closes it. */
  etcd(cluster: string, access?: EtcdAccess): Promise<Etcd>;
  /** The Git remote of that name. `NotFound` when the configuration of this worker does not name it. */
  gitRemote(name: string): Promise<GitRemote>;
  /** What is to be done in the location of that name after each backup. */
  afterBackup(location: string): Promise<AfterBackup>;
}
