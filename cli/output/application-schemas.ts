import { z } from 'zod';

/** Parts of the schemas that are about applications. What a plugin writes down for itself is left open. */
const Consistency = z.enum(['crash', 'file-system', 'application', 'none']);

export const CapturedApplication = z.object({
  task: z.object({
    id: z.string(),
    plugin: z.string(),
    namespace: z.string(),
    application: z.string(),
    settings: z.record(z.string(), z.unknown()),
    timeoutSeconds: z.number(),
    leaseSeconds: z.number(),
    onError: z.enum(['report', 'fail', 'continue']),
    claims: z.array(z.string()),
    replaces: z.array(z.string()).optional(),
    workload: z.object({ kind: z.string(), name: z.string() }).optional(),
    guarantee: Consistency,
  }),
  state: z.record(z.string(), z.unknown()),
  consistency: Consistency,
  streams: z.array(z.object({ name: z.string(), id: z.string(), bytes: z.int() })),
  quiescedAt: z.string(),
  /** '' when it could not be released. */
  releasedAt: z.string(),
});

export const RecoveredApplication = z.object({
  plugin: z.string(),
  namespace: z.string(),
  application: z.string(),
  outcome: z.enum(['recovered', 'left', 'failed']),
  reason: z.string(),
});

/** By plugin and name. */
export const PluginOptions = z.record(z.string(), z.record(z.string(), z.string()));
