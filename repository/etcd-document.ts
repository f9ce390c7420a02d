import { z } from 'zod';
import type { CapturedEtcd } from '../contracts/etcd.ts';

const text = z.string();
const texts = z.array(text);
const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const stream = z.object({ name: text, id: hash, bytes: count });

/** The etcd snapshot in a backup's manifest. */
export const capturedEtcd = z.object({
  clusterId: text,
  version: text,
  endpoint: text,
  members: z.array(z.object({ id: text, name: text, peerUrls: texts, clientUrls: texts, learner: z.boolean() })),
  revision: text,
  hash: text,
  compactRevision: text,
  sha256: hash,
  databaseBytes: count,
  inUseBytes: count,
  quotaBytes: count,
  alarms: texts,
  snapshot: stream,
  controlPlaneFiles: stream.exactOptional(),
  takenAt: text,
}) satisfies z.ZodType<CapturedEtcd>;
