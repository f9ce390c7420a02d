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

/** What a collection did about the volumes of one cluster. */
export const VolumesGc = z.object({
  cluster: z.string(),
  needed: z.int(),
  young: z.int(),
  locked: z.int(),
  foreign: z.int(),
  lockedUntil: z.string(),
  forgotten: z.array(z.object({ snapshot: z.string(), volume: z.string(), backup: z.string(), time: z.iso.datetime() })),
  freedBytes: z.int(),
  freedObjects: z.int(),
  problem: z.string(),
});
const ArchivedFile = z.object({
  path: z.string(),
  type: z.enum(['file', 'dir', 'symlink', 'fifo', 'dev', 'chardev', 'other']),
  mode: z.string(),
  uid: z.int(),
  gid: z.int(),
  size: z.int(),
  modifiedAt: z.iso.datetime(),
  target: z.string().optional(),
});
/** The answers of the commands about volumes. */
export const VOLUME_SCHEMAS = {
  'volume-ls': z.object({
    location: z.string(),
    backup: z.string(),
    cluster: z.object({ name: z.string(), uid: z.string(), version: z.string() }),
    volumes: z.array(CapturedVolume),
  }),
  'volume-browse': z.object({
    location: z.string(),
    backup: z.string(),
    volume: z.string(),
    path: z.string(),
    recursive: z.boolean(),
    files: z.array(ArchivedFile),
  }),
  'volume-restore': z.object({
    location: z.string(),
    backup: z.string(),
    volume: z.string(),
    paths: z.array(z.string()),
    to: z.string(),
    files: z.int(),
    bytes: z.int(),
  }),
  'volume-key': z.object({
    location: z.string(),
    cluster: z.string(),
    repository: z.string(),
    /** On a terminal, or with --reveal. */
    password: z.string().optional(),
    variables: z.array(z.string()),
    options: z.array(z.string()),
  }),
};
