import type { CoveredVolume } from '../../contracts/volume.ts';

/** What a manifest says of a volume whatever becomes of it, without what only its plan needs. */
export function coveredVolume(volume: CoveredVolume): CoveredVolume {
  const { namespace, claim, storageClass, driver, capacityBytes, accessModes, volumeMode, method } = volume;
  return { namespace, claim, volume: volume.volume, storageClass, driver, capacityBytes, accessModes, volumeMode, method };
}
