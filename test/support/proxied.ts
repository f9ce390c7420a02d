import { FaultProxy } from './fault-proxy.ts';
import type { AddLocation, PlaceLocation, TestPlace } from './place.ts';
import { kubeconfigAccess } from './raw-api.ts';

/** A cluster name and a location that are reached through proxies of their own, so that the faults of one run are no other run's. */
export interface Lane {
  /** Name of the cluster (a context) and of the location. */
  readonly name: string;
  readonly kubeconfig: string;
  readonly api: FaultProxy;
  readonly storage: FaultProxy;
  readonly location: PlaceLocation;
  /** Requests to either server. */
  requests(): number;
  stop(): Promise<void>;
}

export interface LaneOptions extends Pick<AddLocation, 'sameKeysAs'> {
  readonly seed?: number;
}

/** The place must have an S3 server. */
export async function openLane(place: TestPlace, name: string, options: LaneOptions = {}): Promise<Lane> {
  const { seed = 1, ...rest } = options;
  const api = await FaultProxy.start({ upstream: await kubeconfigAccess(place.cluster.kubeconfigPath), seed });
  const storage = await FaultProxy.start({ upstream: { origin: place.s3!.endpoint }, seed: seed + 1 });
  const kubeconfig = await place.writeKubeconfig({ [name]: api.url });
  const location = await place.addLocation(name, { endpoint: storage.url, ...rest });
  return {
    name,
    kubeconfig,
    api,
    storage,
    location,
    requests: () => api.requests + storage.requests,
    stop: async () => {
      await Promise.all([api.stop(), storage.stop()]);
    },
  };
}
