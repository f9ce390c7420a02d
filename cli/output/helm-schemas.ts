import { z } from 'zod';
import { Issue } from './issue-schema.ts';

const Release = z.object({
  namespace: z.string(),
  name: z.string(),
  revision: z.int(),
  status: z.string(),
  chart: z.string(),
  version: z.string(),
  appVersion: z.string(),
  /** With the key of the repository; '' for a cluster without `--location`. */
  valuesHash: z.string(),
  archiveSha256: z.string().optional(),
  archiveKind: z.enum(['source', 'rendered']).optional(),
  archiveVersion: z.string().optional(),
  pushed: z.array(z.string()),
});
/** A release in a backup's manifest. */
export const CapturedRelease = Release.extend({
  archive: z.object({ name: z.string(), id: z.string(), bytes: z.int() }).optional(),
});

const ReleaseId = z.object({ namespace: z.string(), name: z.string() });

/** The answers of the commands about Helm. */
export const HELM_SCHEMAS = {
  'helm-export': z.object({
    /** Where the releases are from: one of the two. */
    backup: z.string().optional(),
    cluster: z.string().optional(),
    releases: z.array(
      Release.extend({
        revisions: z.int(),
        /** What of the chart is not in its record. */
        losses: z.array(z.string()),
        folder: z.string().optional(),
      }),
    ),
    warnings: z.array(Issue),
    errors: z.array(Issue),
  }),
  'helm-restore': z.object({
    location: z.string(),
    backup: z.string(),
    cluster: z.string(),
    phase: z.enum(['Running', 'Completed', 'PartiallyFailed', 'Failed', 'Canceled']),
    releases: z.array(
      z.object({
        namespace: z.string(),
        name: z.string(),
        action: z.enum(['installed', 'upgraded', 'adopted']),
        revision: z.int(),
        status: z.string(),
        chart: z.string(),
        /** When adopted: its objects, how many of them got Helm's marks, and how many records were written. */
        objects: z.int().optional(),
        marked: z.int().optional(),
        records: z.int().optional(),
      }),
    ),
    warnings: z.array(Issue),
    errors: z.array(Issue),
    startedAt: z.iso.datetime(),
    completedAt: z.iso.datetime(),
    steps: z.array(z.object({ step: z.string(), startedAt: z.iso.datetime(), durationMs: z.number() })),
  }),
  'helm-restore-plan': z.object({
    location: z.string(),
    backup: z.string(),
    cluster: z.string(),
    releases: z.array(
      z.object({
        /** In the backup, and in the cluster. */
        from: ReleaseId,
        to: ReleaseId,
        action: z.enum(['install', 'upgrade', 'adopt']),
        chart: z.string(),
        /** What the cluster has of it now; '' for nothing. */
        there: z.string(),
        warnings: z.array(Issue),
        /** Why it cannot be restored. */
        problem: Issue.optional(),
      }),
    ),
  }),
};
