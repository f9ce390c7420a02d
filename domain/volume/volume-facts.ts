import type { JsonObject } from '../../contracts/json.ts';
import { isObject, field, listAt, objectAt, textAt } from '../resource/fields.ts';
import { parseQuantity } from '../resource/quantity.ts';

/** What the policy and the plan ask about a claim and its volume. */
export interface VolumeFacts {
  readonly namespace: string;
  readonly claim: string;
  readonly claimLabels: JsonObject;
  /** `Bound`, `Pending` or `Lost`; '' when the cluster does not say. */
  readonly claimPhase: string;
  /** Name of the PersistentVolume; '' while there is none. */
  readonly volume: string;
  readonly storageClass: string;
  /** Key of the volume's source: `csi`, `nfs`, `hostPath`, `local` ...; '' while there is no volume. */
  readonly volumeType: string;
  /** CSI driver; '' for other sources. */
  readonly driver: string;
  readonly capacityBytes: number;
  readonly accessModes: readonly string[];
  readonly volumeMode: 'Filesystem' | 'Block';
  readonly nfs: { readonly server: string; readonly path: string };
  /** The folder of a `hostPath` or `local` volume; '' for others. */
  readonly folder: string;
}

/** Keys of a PersistentVolume's spec that are not its source. */
const NOT_A_SOURCE = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

/** `volume` is the PersistentVolume that the claim names; undefined when there is none. */
export function volumeFacts(claim: JsonObject, volume: JsonObject | undefined): VolumeFacts {
  const source = Object.entries(objectAt(volume, 'spec')).find(([key, value]) => !NOT_A_SOURCE.has(key) && isObject(value));
  const volumeType = source?.[0] ?? '';
  const capacity =
    textAt(volume, 'spec', 'capacity', 'storage') ||
    textAt(claim, 'status', 'capacity', 'storage') ||
    textAt(claim, 'spec', 'resources', 'requests', 'storage');
  return {
    namespace: textAt(claim, 'metadata', 'namespace'),
    claim: textAt(claim, 'metadata', 'name'),
    claimLabels: objectAt(claim, 'metadata', 'labels'),
    claimPhase: textAt(claim, 'status', 'phase'),
    volume: textAt(claim, 'spec', 'volumeName'),
    storageClass: textAt(claim, 'spec', 'storageClassName') || textAt(volume, 'spec', 'storageClassName'),
    volumeType,
    driver: textAt(volume, 'spec', 'csi', 'driver'),
    capacityBytes: parseQuantity(capacity) ?? 0,
    accessModes: listAt(claim, 'spec', 'accessModes').filter((mode) => typeof mode === 'string'),
    volumeMode: field(claim, 'spec', 'volumeMode') === 'Block' ? 'Block' : 'Filesystem',
    nfs: { server: textAt(volume, 'spec', 'nfs', 'server'), path: textAt(volume, 'spec', 'nfs', 'path') },
    folder: textAt(volume, 'spec', 'hostPath', 'path') || textAt(volume, 'spec', 'local', 'path'),
  };
}
