import { z } from 'zod';
import type { CapturedApplication } from '../contracts/application.ts';
import type { JsonObject } from '../contracts/json.ts';

const text = z.string();
const texts = z.array(text);
const seconds = z.number().nonnegative();
const consistency = z.enum(['crash', 'file-system', 'application', 'none']);
/** A plugin's own: only it knows what is in it. */
const ofPlugin = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

/** One application in a backup's manifest. */
export const capturedApplication = z.object({
  task: z.object({
    id: text,
    plugin: text,
    namespace: text,
    application: text,
    settings: ofPlugin,
    timeoutSeconds: seconds,
    leaseSeconds: seconds,
    onError: z.enum(['report', 'fail', 'continue']),
    claims: texts,
    replaces: texts.exactOptional(),
    workload: z.object({ kind: text, name: text }).exactOptional(),
    guarantee: consistency,
  }),
  state: ofPlugin,
  consistency,
  streams: z.array(z.object({ name: text, id: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.number().int().nonnegative() })),
  quiescedAt: text,
  releasedAt: text,
}) satisfies z.ZodType<CapturedApplication>;
