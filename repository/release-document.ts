import { z } from 'zod';
import type { CapturedRelease } from '../contracts/helm.ts';

const text = z.string();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** One Helm release in a backup's manifest. */
export const capturedRelease = z.object({
  namespace: text,
  name: text,
  revision: z.number().int().nonnegative(),
  status: text,
  chart: text,
  version: text,
  appVersion: text,
  valuesHash: hash,
  archive: z.object({ name: text, id: hash, bytes: z.number().int().nonnegative() }).exactOptional(),
  archiveSha256: hash.exactOptional(),
  archiveKind: z.enum(['source', 'rendered']).exactOptional(),
  archiveVersion: text.exactOptional(),
  pushed: z.array(text),
}) satisfies z.ZodType<CapturedRelease>;
