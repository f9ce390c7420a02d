import { z } from 'zod';
import { CapturedApplication, PluginOptions, RecoveredApplication } from './application-schemas.ts';
import { OUTPUT_FORMATS } from './print.ts';
import { ClusterStateRequest } from './cluster-state-schema.ts';
import { BackupHooks, HookCounts, RestoreHooks } from './hook-schemas.ts';
import { CapturedEtcd, ETCD_SCHEMAS } from './etcd-schemas.ts';
import { CapturedRelease, HELM_SCHEMAS } from './helm-schemas.ts';
import { GIT_SCHEMAS } from './git-schemas.ts';
import { Issue, ObjectId } from './issue-schema.ts';
import { RetentionPolicy, Schedule, ScheduleBasics } from './schedule-schemas.ts';
import { Selection } from './selection-schema.ts';
import { CapturedVolume, RestoredVolume, VolumeRequest, VolumeRestoreRequest, VOLUME_SCHEMAS, VolumesGc } from './volume-schemas.ts';

/**
 * The shapes of `-o json` and `-o yaml`: part of the command line's contract. docs/schemas holds them as JSON Schema, a test keeps that up to
 * date and checks real answers against these. Fields may be added; none is removed or changes its meaning within a major version.
 */
const Type = z.object({ group: z.string(), version: z.string(), kind: z.string(), resource: z.string(), namespaced: z.boolean() });
const Kind = z.object({ type: Type, count: z.int(), bytes: z.int(), revision: z.string(), fallbackReason: z.string().optional() });
const Sizes = z.object({ read: z.int(), stored: z.int(), newSegments: z.int(), knownSegments: z.int() });
const Cluster = z.object({ name: z.string(), uid: z.string(), version: z.string() });
const Step = z.object({ step: z.string(), startedAt: z.iso.datetime(), durationMs: z.number() });
const Phase = z.enum(['Running', 'Completed', 'PartiallyFailed', 'Failed', 'Canceled']);
const Counts = z.record(z.enum(['create', 'update', 'replace', 'skip', 'conflict', 'unchanged', 'omit', 'refuse']), z.int());
const Account = { warnings: z.array(Issue), errors: z.array(Issue), startedAt: z.iso.datetime(), completedAt: z.iso.datetime() };
const Run = z.object({
  name: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  status: z.string(),
  startedAt: z.iso.datetime(),
  cluster: z.string(),
  location: z.string(),
});
const BackupSummary = z.object({
  name: z.string(),
  sequence: z.int(),
  phase: Phase,
  cluster: Cluster,
  revision: z.string(),
  namespaces: z.array(z.string()),
  objectCount: z.int(),
  sizes: Sizes,
  /** Name of the schedule that made it. */
  schedule: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  expiresAt: z.iso.datetime().optional(),
  held: z.boolean(),
  holdReason: z.string(),
  volumes: z.array(CapturedVolume).optional(),
  applications: z.array(CapturedApplication).optional(),
  etcd: CapturedEtcd.optional(),
  releases: z.array(CapturedRelease).optional(),
  ...Account,
});
const RestoreOptions = z.object({
  selection: Selection,
  namespaceMapping: z.record(z.string(), z.string()),
  conflictPolicy: z.enum(['skip', 'update', 'replace', 'fail']),
  includeControlled: z.boolean(),
  preserveNodePorts: z.boolean(),
  allow: z.array(z.enum(['webhooks', 'cluster-admin', 'privileged', 'foreign-volumes'])),
  readinessTimeoutMs: z.int(),
  volumes: VolumeRestoreRequest.optional(),
  storageClassMapping: z.record(z.string(), z.string()).optional(),
  volumeSizes: z.record(z.string(), z.string()).optional(),
  hooks: RestoreHooks.optional(),
  pluginOptions: PluginOptions.optional(),
});
const RestoreResult = z.object({
  name: z.string(),
  backup: z.string(),
  phase: Phase,
  counts: Counts,
  failed: z.int(),
  verification: z.object({
    equal: z.boolean(),
    compared: z.int(),
    differences: z.array(z.object({ object: ObjectId, kind: z.enum(['missing', 'different']), fields: z.array(z.string()) })),
    differenceCount: z.int(),
    excluded: z.int(),
  }),
  volumes: z.array(RestoredVolume).optional(),
  hooks: HookCounts.optional(),
  applications: z.array(RecoveredApplication).optional(),
  steps: z.array(Step),
  ...Account,
});
const RestoreRecord = RestoreResult.extend({
  type: z.literal('restore'),
  runId: z.string(),
  cluster: z.string(),
  options: RestoreOptions,
  log: z.array(z.object({ time: z.iso.datetime(), level: z.enum(['info', 'warn', 'error']), message: z.string() })),
});

const Affected = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string(),
  count: z.int(),
  between: z.array(z.string()).length(2).optional(),
  reason: z.string(),
});
const FileTotal = z.object({ objects: z.int(), bytes: z.int() });
const Files = z.record(
  z.enum(['config', 'keys', 'packs', 'indexes', 'manifests', 'records', 'condemned', 'volumes', 'foreign']),
  FileTotal,
);
const Read = z.object({ read: z.int(), total: z.int() });
const ReadOf = z.object({ read: z.int(), expected: z.int() });

/** By command; the file name in docs/schemas. */
export const SCHEMAS = {
  ...ETCD_SCHEMAS,
  ...HELM_SCHEMAS,
  ...GIT_SCHEMAS,
  ...VOLUME_SCHEMAS,
  version: z.object({ version: z.string(), repositoryFormat: z.int(), node: z.string() }),
  doctor: z.array(z.object({ subject: z.string(), ok: z.boolean(), detail: z.string() })),
  'backup-plan': z.object({
    cluster: Cluster,
    revision: z.string(),
    namespaces: z.array(z.string()),
    kinds: z.array(Kind),
    objectCount: z.int(),
    warnings: z.array(Issue),
    errors: z.array(Issue),
  }),
  'backup-create': z.object({
    name: z.string(),
    cluster: z.string(),
    location: z.string(),
    selection: Selection,
    labels: z.record(z.string(), z.string()).optional(),
    ttlSeconds: z.int().optional(),
    volumes: VolumeRequest.optional(),
    hooks: BackupHooks.optional(),
    ...ClusterStateRequest,
  }),
  'backup-get': z.object({ location: z.string(), running: z.array(Run), backups: z.array(BackupSummary) }),
  'backup-describe': BackupSummary.extend({ runId: z.string(), selection: Selection, kinds: z.array(Kind), steps: z.array(Step) }),
  'backup-copy': z.object({
    from: z.string(),
    to: z.string(),
    phase: Phase,
    totals: z.object({ copied: z.int(), bytes: z.int(), serverSide: z.int(), known: z.int(), failed: z.int() }),
    steps: z.array(Step),
    ...Account,
  }),
  'backup-prune': z.object({
    location: z.string(),
    dryRun: z.boolean(),
    policy: RetentionPolicy,
    backups: z.array(
      z.object({
        name: z.string(),
        sequence: z.int(),
        cluster: z.string(),
        schedule: z.string().optional(),
        phase: z.enum(['Completed', 'PartiallyFailed']),
        completedAt: z.iso.datetime(),
        expiresAt: z.iso.datetime().optional(),
        held: z.boolean(),
        action: z.enum(['keep', 'remove']),
        reasons: z.array(z.string()),
      }),
    ),
    removed: z.array(z.string()),
    locked: z.array(z.object({ name: z.string(), until: z.string() })),
    unreadable: z.array(z.int()),
  }),
  'backup-diff': z.object({
    added: z.array(ObjectId),
    removed: z.array(ObjectId),
    changed: z.array(z.object({ object: ObjectId, fields: z.array(z.string()) })),
  }),
  'restore-plan': z.object({
    backup: z.string(),
    cluster: z.string(),
    options: RestoreOptions,
    counts: Counts,
    objects: z.array(
      z.object({
        object: ObjectId,
        sourceNamespace: z.string(),
        wave: z.int(),
        action: z.enum(['create', 'update', 'replace', 'skip', 'conflict', 'unchanged', 'omit', 'refuse']),
        reason: z.string().optional(),
        differs: z.array(z.string()).optional(),
      }),
    ),
    errors: z.array(Issue),
  }),
  'restore-create': z.object({ name: z.string(), backup: z.string(), cluster: z.string(), location: z.string(), options: RestoreOptions }),
  'restore-get': z.object({ location: z.string(), running: z.array(Run), restores: z.array(RestoreRecord) }),
  'restore-describe': RestoreRecord,
  'schedule-create': ScheduleBasics.extend({ rpoSeconds: z.int().optional() }),
  'schedule-get': z.object({ schedules: z.array(Schedule), unservedClusters: z.array(z.string()) }),
  'schedule-describe': Schedule,
  coverage: z.object({
    cluster: z.string(),
    namespaces: z.array(
      z.object({
        namespace: z.string(),
        coverage: z.enum(['full', 'partial', 'none']),
        schedules: z.array(z.string()),
        unprotectedClaims: z.array(z.string()),
        claims: z.int(),
      }),
    ),
  }),
  'location-check': z.object({
    location: z.string(),
    url: z.string(),
    usable: z.boolean(),
    findings: z.array(z.object({ check: z.string(), level: z.enum(['ok', 'warning', 'error']), detail: z.string(), advice: z.string() })),
    speed: z.object({ latencyMs: z.number(), uploadBytesPerSecond: z.number(), downloadBytesPerSecond: z.number() }),
    leftBehind: z.array(z.string()),
  }),
  'location-get': z.object({ defaultLocation: z.string(), locations: z.array(z.looseObject({ name: z.string(), url: z.string() })) }),
  'keys-ls': z.object({
    location: z.string(),
    dataKey: z.int(),
    keys: z.array(
      z.object({
        id: z.string(),
        label: z.string(),
        type: z.enum(['recipient', 'passphrase']),
        recipient: z.string(),
        addedAt: z.iso.datetime(),
        known: z.boolean(),
        current: z.boolean(),
        opens: z.boolean(),
      }),
    ),
  }),
  'repository-stats': z.object({
    repository: z.string(),
    url: z.string(),
    backups: z.int(),
    logicalBytes: z.int(),
    uniqueBytes: z.int(),
    storedBytes: z.int(),
    dedupRatio: z.number(),
    compressionRatio: z.number(),
    garbage: z.object({ packs: z.int(), packBytes: z.int(), deadBytes: z.int() }),
    growth: z.object({ days: z.number(), perDay: z.int(), perBackup: z.int() }),
    files: Files,
    perBackup: z.array(
      z.object({
        name: z.string(),
        sequence: z.int(),
        cluster: z.string(),
        completedAt: z.iso.datetime(),
        objects: z.int(),
        logicalBytes: z.int(),
        addedBytes: z.int(),
        uniqueBytes: z.int(),
        freedIfDeleted: z.int(),
      }),
    ),
    perNamespace: z.array(z.object({ namespace: z.string(), objects: z.int(), logicalBytes: z.int(), storedBytes: z.int() })),
    problems: z.array(z.string()),
  }),
  'repository-gc': z.object({
    repository: z.string(),
    url: z.string(),
    dryRun: z.boolean(),
    at: z.iso.datetime(),
    graceSeconds: z.number(),
    total: z.object({ objects: z.int(), bytes: z.int() }),
    rows: z.array(
      z.object({
        kind: z.enum(['config', 'keys', 'packs', 'indexes', 'manifests', 'records', 'condemned', 'volumes', 'foreign']),
        fate: z.enum(['needed', 'partly-needed', 'young', 'condemned', 'spare', 'locked', 'foreign', 'deleted']),
        objects: z.int(),
        bytes: z.int(),
        unneededBytes: z.int(),
        until: z.string(),
      }),
    ),
    newlyCondemned: z.int(),
    acquitted: z.int(),
    sparse: z.int(),
    written: z.object({ objects: z.int(), bytes: z.int() }),
    locked: z.array(z.object({ key: z.string(), sizeBytes: z.int(), until: z.string() })),
    warnings: z.array(Issue),
    volumes: z.array(VolumesGc),
  }),
  'repository-check': z.object({
    repository: z.string(),
    url: z.string(),
    state: z.enum(['sound', 'blemished', 'damaged']),
    startedAt: z.iso.datetime(),
    completedAt: z.iso.datetime(),
    files: Files,
    readData: z.object({ percent: z.number(), seed: z.string(), packs: z.int(), bytes: z.int(), segments: z.int() }),
    findings: z.array(Issue.extend({ severity: z.enum(['data', 'spare', 'note']), key: z.string() })),
    backups: z.array(
      z.object({
        name: z.string(),
        sequence: z.int(),
        state: z.enum(['whole', 'partly', 'lost']),
        objects: z.int(),
        affectedObjects: z.int(),
        affected: z.array(Affected),
      }),
    ),
  }),
  'backup-verify': z.object({
    location: z.string(),
    percent: z.number(),
    seed: z.string(),
    backups: z.array(
      z.object({
        name: z.string(),
        sequence: z.int(),
        state: z.enum(['whole', 'damaged']),
        segments: Read,
        objects: ReadOf,
        bytes: ReadOf,
        mismatches: z.array(z.string()),
        affected: z.array(Affected),
      }),
    ),
  }),
} as const;

/** The published form of one of them. */
export function jsonSchema(name: keyof typeof SCHEMAS): unknown {
  return { title: `holdfast ${name.replace('-', ' ')} -o ${OUTPUT_FORMATS[2]}`, ...z.toJSONSchema(SCHEMAS[name]) };
}
