import { z } from 'zod';

/** Parts of the schemas that are about etcd. */
const KeptStream = z.object({ name: z.string(), id: z.string(), bytes: z.int() });
const NewMember = z.object({ name: z.string(), peerUrls: z.array(z.string()) });
export const CapturedEtcd = z.object({
  clusterId: z.string(),
  version: z.string(),
  endpoint: z.string(),
  members: z.array(NewMember.extend({ id: z.string(), clientUrls: z.array(z.string()), learner: z.boolean() })),
  revision: z.string(),
  hash: z.string(),
  compactRevision: z.string(),
  sha256: z.string(),
  databaseBytes: z.int(),
  inUseBytes: z.int(),
  quotaBytes: z.int(),
  alarms: z.array(z.string()),
  snapshot: KeptStream,
  controlPlaneFiles: KeptStream.optional(),
  takenAt: z.iso.datetime(),
});

/** By command. */
export const ETCD_SCHEMAS = {
  'etcd-open': z.object({
    location: z.string(),
    backup: z.string(),
    /** Newest revision of the snapshot. */
    revision: z.string(),
    sandbox: z.string(),
    kubeconfig: z.string(),
    context: z.string(),
    apiServer: z.url(),
    unreadable: z.array(z.object({ resource: z.string(), provider: z.string(), key: z.string() })),
    warnings: z.array(z.string()),
  }),
  'etcd-restore': z.object({
    backup: z.string(),
    location: z.string(),
    clusterId: z.string(),
    revision: z.string(),
    newRevision: z.string(),
    hash: z.enum(['equal', 'unknown']),
    snapshotBytes: z.int(),
    members: z.array(NewMember),
    made: z.array(z.object({ name: z.string(), dataDir: z.string() })),
  }),
} as const;
