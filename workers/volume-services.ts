import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { ClaimRestore, ClaimRestoreCall } from '../activities/volume/restore-into-claim.ts';
import type { LeftSnapshot } from '../activities/volume/drop-snapshots.ts';
import type { DroppedSnapshot } from '../domain/volume/dropped-snapshots.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Mover, RestoredData, VolumeRepository } from '../movers/port.ts';
import type { VolumeArchive } from '../movers/volume-archive.ts';
import type { Repository } from '../repository/repository.ts';
import type { Location } from './configuration.ts';
import type { KubeconfigContext } from './dependencies.ts';
import { MoverSettings } from './mover-settings.ts';

/** What volumes and the applications on them need. */
export interface VolumeServices extends Pick<ActivityDependencies, 'plugins' | 'mover' | 'nodeFiles' | 'volumeRepository'> {
  /** The volumes of the cluster with that uid in a location, for reading. `NotFound` when there were never any. */
  volumeArchive(location: string, clusterUid: string): Promise<VolumeArchive>;
  /** How restic alone opens them. Secret. */
  volumeAccess(location: string, clusterUid: string): Promise<VolumeRepository>;
  /** Lets the storage systems of a cluster delete what they kept for deleted backups; answers with what stays. */
  dropSnapshots(cluster: string, dropped: readonly DroppedSnapshot[], signal: AbortSignal): Promise<readonly LeftSnapshot[]>;
  /** Writes parts of a snapshot over what is in the volume of a claim. */
  restoreIntoClaim(request: IntoClaim, call: ClaimRestoreCall): Promise<RestoredData>;
}

interface IntoClaim extends Pick<ClaimRestore, 'snapshot' | 'paths' | 'namespace' | 'claim'> {
  readonly location: string;
  /** uid of the cluster whose volumes the snapshot is among. */
  readonly clusterUid: string;
  /** Name of the cluster that has the claim. */
  readonly cluster: string;
}

interface VolumeAccess {
  readonly accessOf: (cluster: string) => KubeconfigContext;
  readonly cluster: (name: string) => Promise<Cluster>;
  readonly settings: MoverSettings | undefined;
  readonly openAt: (name: string) => Promise<{ readonly location: Location; readonly repository: Repository }>;
}

export function volumeServices({ accessOf, cluster, settings, openAt }: VolumeAccess): VolumeServices {
  const mover = async (name: string): Promise<Mover> => {
    const { clusterMover } = await import('./cluster-mover.ts');
    return clusterMover({ access: accessOf(name), cluster: await cluster(name), settings: MoverSettings.parse(settings ?? {}) });
  };
  const volumeAccess = async (name: string, clusterUid: string): Promise<VolumeRepository> => {
    const { existingVolumeRepository } = await import('./volume-repositories.ts');
    const { location, repository } = await openAt(name);
    return existingVolumeRepository(location, repository, { clusterUid });
  };
  return {
    plugins: async () => (await import('./plugins.ts')).workerPlugins(),
    mover,
    nodeFiles: async (name) => {
      const { PodNodeFiles } = await import('../movers/node-files-pod.ts');
      return new PodNodeFiles(await cluster(name), MoverSettings.parse(settings ?? {}));
    },
    volumeRepository: async (name, clusterUid, signal) => {
      const { openVolumeRepository } = await import('./volume-repositories.ts');
      const { location, repository } = await openAt(name);
      return openVolumeRepository(location, repository, { clusterUid, signal });
    },
    volumeArchive: async (name, clusterUid) => {
      const { openVolumeArchive } = await import('./volume-repositories.ts');
      const { location, repository } = await openAt(name);
      return openVolumeArchive(location, repository, { clusterUid });
    },
    volumeAccess,
    dropSnapshots: async (name, dropped, signal) => {
      const { dropSnapshots } = await import('../activities/volume/drop-snapshots.ts');
      return dropSnapshots(() => cluster(name), dropped, { signal, beat: () => undefined });
    },
    restoreIntoClaim: async ({ location, clusterUid, cluster: name, ...request }, call) => {
      const { restoreIntoClaim } = await import('../activities/volume/restore-into-claim.ts');
      const repository = await volumeAccess(location, clusterUid);
      return restoreIntoClaim({ ...request, cluster: await cluster(name), mover: await mover(name), repository }, call);
    },
  };
}
