import { NODE_NAME } from '../node-place.ts';

/** What StorageClasses and volumes call the driver. */
export const DRIVER = 'csi.holdfast.dev';

/** Where kubelet and the sidecars find the driver, inside the node. */
export const DRIVER_SOCKET = `/var/lib/kubelet/plugins/${DRIVER}/csi.sock`;

/** Where kubelet looks for drivers that have come. */
export const REGISTRATION_SOCKET = `/var/lib/kubelet/plugins_registry/${DRIVER}-reg.sock`;

/** Where every volume can be used: on the sandbox's only node. */
export const TOPOLOGY = { segments: { [`topology.${DRIVER}/node`]: NODE_NAME } } as const;
