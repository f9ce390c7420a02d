import { z } from 'zod';
import type { CapturedVolume } from '../contracts/volume.ts';

const text = z.string();
const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const movedData = z.object({
  kind: z.literal('restic'),
  snapshot: hash,
  files: count,
  folders: count,
  bytes: count,
  addedBytes: count,
  unread: z.object({ count, examples: z.array(text) }).exactOptional(),
});
const keptSnapshot = z.object({ kind: z.literal('csi'), driver: text, handle: text, snapshotClass: text, restoreBytes: count });

const place = { claim: text, path: text };
const putBack = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), ...place, content: text }),
  z.object({ kind: z.literal('tar'), ...place, stream: text }),
  z.object({ kind: z.literal('absent'), ...place }),
]);

/** One volume in a backup's manifest. */
export const capturedVolume = z.object({
  namespace: text,
  claim: text,
  volume: text,
  storageClass: text,
  driver: text,
  capacityBytes: count,
  accessModes: z.array(text),
  volumeMode: z.enum(['Filesystem', 'Block']),
  method: z.enum(['csi-snapshot', 'data-move', 'file-system', 'skip']),
  data: z.discriminatedUnion('kind', [movedData, keptSnapshot]).exactOptional(),
  consistency: z.enum(['crash', 'file-system', 'application', 'none']),
  quiescedBy: text.exactOptional(),
  putBack: z.array(putBack).exactOptional(),
  streams: z.array(z.object({ name: text, id: hash, bytes: count })).exactOptional(),
  startedAt: text,
  completedAt: text,
}) satisfies z.ZodType<CapturedVolume>;
