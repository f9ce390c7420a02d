import { mkdir } from 'node:fs/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ResourceType } from '../contracts/resource.ts';
import type { MovedData, VolumeSource } from '../contracts/volume.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { LocalMover } from '../movers/local-mover.ts';
import type { BackupTask, MoveOptions, Mover, PutBackTask, RestoredData, RestoreTask } from '../movers/port.ts';
import { PodMover } from '../movers/pod-mover.ts';
import { processIdentity } from '../sandbox/process-identity.ts';
import type { KubeconfigContext } from './dependencies.ts';
import type { MoverSettings } from './mover-settings.ts';
import { moverScratch, workerRestic } from './volume-repositories.ts';

const NODES: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };

interface MoverAccess {
  readonly access: KubeconfigContext;
  readonly cluster: Cluster;
  readonly settings: MoverSettings;
}

/** The movers that can work for one cluster, as one: for folders that its kubeconfig gives free a process, for claims pods. */
export async function clusterMover({ access, cluster, settings }: MoverAccess): Promise<Mover> {
  const { loadClusterAccess } = await import('../kubernetes/kube-config.ts');
  const { localVolumes } = await loadClusterAccess(access);
  const movers: Mover[] = [];
  if (localVolumes !== '') movers.push(await localMover(localVolumes));
  if (await hasNodes(cluster)) movers.push(new PodMover(cluster, settings));
  return new FirstThatReaches(movers);
}

/** A sandbox has none, and a pod would wait for one for ever. Who may not see them has a cluster that has some. */
async function hasNodes(cluster: Cluster): Promise<boolean> {
  try {
    const page = await cluster.listPage({ type: NODES, namespace: '', labelSelector: '', limit: 1, exactRevision: '', continueToken: '' });
    return page.items.length > 0;
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.Forbidden) return true;
    throw error;
  }
}

/** By folder. One for each in a process: it sees to it that a task has one process. */
const localMovers = new Map<string, Mover>();

/** For the folders that the kubeconfig gives free. */
async function localMover(root: string): Promise<Mover> {
  const known = localMovers.get(root);
  if (known) return known;
  await mkdir(root, { recursive: true });
  const { program: restic } = await workerRestic();
  const mover = new LocalMover({ root, restic, scratch: moverScratch(), processIdentity });
  localMovers.set(root, mover);
  return mover;
}

/** Gives each task to the first mover that can reach its volume. */
class FirstThatReaches implements Mover {
  readonly #movers: readonly Mover[];

  constructor(movers: readonly Mover[]) {
    this.#movers = movers;
  }

  reaches(source: VolumeSource): boolean {
    return this.#movers.some((mover) => mover.reaches(source));
  }

  backup(task: BackupTask, options: MoveOptions): Promise<MovedData> {
    return this.#moverOf(task.source).backup(task, options);
  }

  restore(task: RestoreTask, options: MoveOptions): Promise<RestoredData> {
    return this.#moverOf(task.source).restore(task, options);
  }

  putBack(task: PutBackTask, options: MoveOptions): Promise<void> {
    return this.#moverOf(task.source).putBack(task, options);
  }

  #moverOf(source: VolumeSource): Mover {
    const mover = this.#movers.find((candidate) => candidate.reaches(source));
    if (mover) return mover;
    const what = source.kind === 'folder' ? source.path : `claim ${source.namespace}/${source.claim}`;
    throw new HoldfastError(FailureType.Unavailable, `no mover of this worker can reach ${what}`, {
      advice: 'see docs/volumes.md for what movers need',
    });
  }
}
