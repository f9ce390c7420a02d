import { z } from 'zod';
import { ClusterStateRequest } from './cluster-state-schema.ts';
import { BackupHooks } from './hook-schemas.ts';
import { Selection } from './selection-schema.ts';
import { VolumeRequest } from './volume-schemas.ts';

const Keep = z.int().min(1).optional();
export const RetentionPolicy = z.object({
  keepLast: Keep,
  keepHourly: Keep,
  keepDaily: Keep,
  keepWeekly: Keep,
  keepMonthly: Keep,
  keepYearly: Keep,
  keepWithin: z.string().optional(),
  timeZone: z.string().optional(),
});

const ScheduledAction = z.union([
  z.object({
    type: z.literal('backup'),
    selection: Selection,
    labels: z.record(z.string(), z.string()),
    ttlSeconds: z.int().optional(),
    volumes: VolumeRequest.optional(),
    hooks: BackupHooks.optional(),
    ...ClusterStateRequest,
    retention: RetentionPolicy.optional(),
  }),
  z.object({ type: z.literal('check'), readShare: z.number().min(0).max(1) }),
  z.object({ type: z.literal('git'), remotes: z.array(z.string()), selection: Selection }),
]);

/** What `schedule create` is asked for. */
export const ScheduleBasics = z.object({
  name: z.string(),
  expression: z.string(),
  cluster: z.string(),
  location: z.string(),
  action: ScheduledAction,
  attempts: z.int(),
  retryAfterSeconds: z.number(),
  overlap: z.string(),
  catchUpSeconds: z.number(),
  jitterSeconds: z.number(),
  paused: z.boolean(),
});

/** A schedule as the server knows it, with what it has achieved. */
export const Schedule = ScheduleBasics.extend({
  /** Why it is paused. */
  note: z.string(),
  createdAt: z.iso.datetime(),
  nextRuns: z.array(z.iso.datetime()),
  recentRuns: z.array(z.object({ workflowId: z.string(), runId: z.string(), scheduledAt: z.iso.datetime(), startedAt: z.iso.datetime() })),
  running: z.array(z.string()),
  lastGood: z.object({ name: z.string(), completedAt: z.iso.datetime() }).optional(),
  rpo: z.object({
    rpoNowSeconds: z.number().nullable(),
    targetSeconds: z.number(),
    overdue: z.boolean(),
    paused: z.boolean(),
    timesOver: z.number(),
  }),
  /** Why it is not known what the location holds; '' when it is. */
  problem: z.string(),
});
