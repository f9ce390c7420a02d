import { FaultProxy } from './fault-proxy.ts';
import type { AddLocation, PlaceLocation, TestPlace } from './place.ts';
import { kubeconfigAccess } from './raw-api.ts';
import type { StorageServer } from './storage-server.ts';

/** A location that is reached through a proxy of its own, so that the faults of one run are no other run's. */
export interface StorageLane {
  readonly name: string;
  /** Name of the cluster that is backed up into it. */
  readonly cluster: string;
  readonly server: StorageServer;
  readonly storage: FaultProxy;
  readonly location: PlaceLocation;
  stop(): Promise<void>;
}

/** A cluster name and a location that are both reached through proxies of their own; they have the same name. */
export interface Lane extends StorageLane {
  readonly kubeconfig: string;
  readonly api: FaultProxy;
  /** Requests to either server. */
  requests(): number;
}

export interface LaneOptions extends Pick<AddLocation, 'sameKeysAs' | 'server'> {
  readonly seed?: number;
}

/** Without a server of its own the place must have one. */
export async function openStorageLane(place: TestPlace, name: string, options: LaneOptions = {}): Promise<StorageLane> {
  const { seed = 1, server = place.storage, ...rest } = options;
  if (!server) throw new Error('this place has no storage server');
  const storage = await FaultProxy.start({ upstream: { origin: server.origin }, seed: seed + 1 });
  const location = await place.addLocation(name, { server, origin: storage.url, ...rest });
  return { name, cluster: place.cluster.context, server, storage, location, stop: () => storage.stop() };
}

/** As `openStorageLane`, with the API server behind a proxy too. */
export async function openLane(place: TestPlace, name: string, options: LaneOptions = {}): Promise<Lane> {
  const api = await FaultProxy.start({ upstream: await kubeconfigAccess(place.cluster.kubeconfigPath), seed: options.seed ?? 1 });
  const kubeconfig = await place.writeKubeconfig({ [name]: api.url });
  const lane = await openStorageLane(place, name, options);
  return {
    ...lane,
    cluster: name,
    kubeconfig,
    api,
    requests: () => api.requests + lane.storage.requests,
    stop: async () => {
      await Promise.all([api.stop(), lane.stop()]);
    },
  };
}
