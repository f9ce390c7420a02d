import { z } from 'zod';
import { OUTPUT_FORMATS } from './print.ts';

/**
 * The shapes of `-o json` and `-o yaml`: part of the command line's contract. docs/schemas holds them as JSON Schema, a test keeps that up to
 * date and checks real answers against these. Fields may be added; none is removed or changes its meaning within a major version.
 */
const Issue = z.object({
  code: z.string(),
  message: z.string(),
  object: z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() }).optional(),
  advice: z.string().optional(),
});
const ObjectId = z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
const Type = z.object({ group: z.string(), version: z.string(), kind: z.string(), resource: z.string(), namespaced: z.boolean() });
const Kind = z.object({ type: Type, count: z.int(), bytes: z.int(), revision: z.string(), fallbackReason: z.string().optional() });
const Sizes = z.object({ read: z.int(), stored: z.int(), newSegments: z.int(), knownSegments: z.int() });
const Cluster = z.object({ name: z.string(), uid: z.string(), version: z.string() });
const Step = z.object({ step: z.string(), startedAt: z.iso.datetime(), durationMs: z.number() });
const Phase = z.enum(['Running', 'Completed', 'PartiallyFailed', 'Failed', 'Canceled']);
const Counts = z.record(z.enum(['create', 'update', 'replace', 'skip', 'conflict', 'unchanged', 'omit', 'refuse']), z.int());
const Selection = z.object({
  includedNamespaces: z.array(z.string()),
  excludedNamespaces: z.array(z.string()),
  includedResources: z.array(z.string()),
  excludedResources: z.array(z.string()),
  labelSelector: z.string(),
  orLabelSelectors: z.array(z.string()),
  clusterResources: z.enum(['auto', 'include', 'exclude']),
  objects: z.array(z.string()),
});
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

/** By command; the file name in docs/schemas. */
export const SCHEMAS = {
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
  'backup-create': z.object({ name: z.string(), cluster: z.string(), location: z.string(), selection: Selection }),
  'backup-get': z.object({ location: z.string(), running: z.array(Run), backups: z.array(BackupSummary) }),
  'backup-describe': BackupSummary.extend({ runId: z.string(), selection: Selection, kinds: z.array(Kind), steps: z.array(Step) }),
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
  }),
  'restore-create': z.object({ name: z.string(), backup: z.string(), cluster: z.string(), location: z.string(), options: RestoreOptions }),
  'restore-get': z.object({ location: z.string(), running: z.array(Run), restores: z.array(RestoreRecord) }),
  'restore-describe': RestoreRecord,
  'location-get': z.object({ defaultLocation: z.string(), locations: z.array(z.looseObject({ name: z.string(), url: z.string() })) }),
  'repository-stats': z.object({ repository: z.string(), packs: z.int(), bytes: z.int(), segments: z.int(), backups: z.int() }),
} as const;

/** The published form of one of them. */
export function jsonSchema(name: keyof typeof SCHEMAS): unknown {
  return { title: `holdfast ${name.replace('-', ' ')} -o ${OUTPUT_FORMATS[2]}`, ...z.toJSONSchema(SCHEMAS[name]) };
}
