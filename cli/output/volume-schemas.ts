import { z } from 'zod';

/** Parts of the schemas that are about volumes. */
const VolumeBasics = z.object({
  namespace: z.string(),
  claim: z.string(),
  volume: z.string(),
  storageClass: z.string(),
  driver: z.string(),
  capacityBytes: z.int(),
  accessModes: z.array(z.string()),
  volumeMode: z.enum(['Filesystem', 'Block']),
  method: z.enum(['csi-snapshot', 'data-move', 'file-system', 'skip']),
});
export const CapturedVolume = VolumeBasics.extend({
  data: z
    .union([
      z.object({
        kind: z.literal('restic'),
        snapshot: z.string(),
        files: z.int(),
        folders: z.int(),
        bytes: z.int(),
        addedBytes: z.int(),
        unread: z.object({ count: z.int(), examples: z.array(z.string()) }).optional(),
      }),
      z.object({ kind: z.literal('csi'), driver: z.string(), handle: z.string(), snapshotClass: z.string(), restoreBytes: z.int() }),
    ])
    .optional(),
  consistency: z.enum(['crash', 'file-system', 'application', 'none']),
  quiescedBy: z.string().optional(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
});
const Strings = z.array(z.string()).optional();
const VolumePolicyRule = z.object({
  conditions: z.object({
    storageClass: Strings,
    driver: Strings,
    capacity: z.object({ min: z.number().optional(), max: z.number().optional() }).optional(),
    claimLabels: z.record(z.string(), z.string()).optional(),
    volumeTypes: Strings,
    accessModes: Strings,
    volumeMode: z.enum(['Filesystem', 'Block']).optional(),
    claimPhase: Strings,
    nfs: z.object({ server: z.string().optional(), path: z.string().optional() }).optional(),
  }),
  method: z.enum(['csi-snapshot', 'data-move', 'file-system', 'skip']),
});
export const VolumeRequest = z.object({
  policy: z.object({ rules: z.array(VolumePolicyRule) }),
  concurrency: z.int(),
  concurrencyPerNode: z.int(),
});
export const VolumeRestoreRequest = z.object({ inPlace: z.boolean(), checksum: z.boolean(), concurrency: z.int() });
export const RestoredVolume = z.object({
  namespace: z.string(),
  claim: z.string(),
  outcome: z.enum(['restored', 'left', 'failed']),
  reason: z.string(),
  files: z.int(),
  bytes: z.int(),
});
