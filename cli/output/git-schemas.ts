import { z } from 'zod';
import { Issue, ObjectId } from './issue-schema.ts';

const GitSynced = z.object({
  remote: z.string(),
  branch: z.string(),
  /** '' when there was nothing to commit. */
  commit: z.string(),
  created: z.int(),
  changed: z.int(),
  deleted: z.int(),
  files: z.int(),
});

/** Shapes of the answers of `holdfast git`. */
export const GIT_SCHEMAS = {
  'git-sync': GitSynced.extend({
    phase: z.enum(['Running', 'Completed', 'PartiallyFailed', 'Failed', 'Canceled']),
    warnings: z.array(Issue),
    errors: z.array(Issue),
    startedAt: z.iso.datetime(),
    completedAt: z.iso.datetime(),
    steps: z.array(z.object({ step: z.string(), startedAt: z.iso.datetime(), durationMs: z.number() })),
  }),
  'git-log': z.object({
    remote: z.string(),
    branch: z.string(),
    object: ObjectId,
    commits: z.array(
      z.object({
        commit: z.string(),
        at: z.iso.datetime(),
        author: z.string(),
        subject: z.string(),
        what: z.enum(['created', 'changed', 'deleted']),
        fields: z.array(z.object({ path: z.string(), from: z.string(), to: z.string() })),
      }),
    ),
  }),
} as const;
