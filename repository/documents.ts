import { z } from 'zod';
import type {
  BackupManifest,
  CollectionManifest,
  VolumeCollectionManifest,
  DeletionManifest,
  HoldManifest,
  KeyHolder,
  RotationManifest,
  Manifest,
} from '../contracts/manifest.ts';
import { capturedApplication } from './application-document.ts';
import { capturedEtcd } from './etcd-document.ts';
import { damaged, newerFormat } from './failures.ts';
import { capturedRelease } from './release-document.ts';
import { capturedVolume } from './volume-document.ts';

/**
 * The shapes of the repository's own JSON documents. They are authentic when they come here, so this guards against mistakes of writers,
 * not against attackers; what is unknown is dropped.
 */

const text = z.string();
const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const texts = z.array(text);

const resourceType = z.object({ group: text, version: text, kind: text, resource: text, namespaced: z.boolean() });
const issue = z.object({
  code: text,
  message: text,
  object: z.object({ apiVersion: text, kind: text, namespace: text, name: text }).exactOptional(),
  advice: text.exactOptional(),
});
const selection = z.object({
  includedNamespaces: texts,
  excludedNamespaces: texts,
  includedResources: texts,
  excludedResources: texts,
  labelSelector: text,
  orLabelSelectors: texts,
  clusterResources: z.enum(['auto', 'include', 'exclude']),
  objects: texts,
});

const backup = z.object({
  formatVersion: z.literal(1),
  type: z.literal('backup'),
  name: text,
  runId: text,
  cluster: z.object({ name: text, uid: text, version: text }),
  selection,
  namespaces: texts,
  revision: text,
  startedAt: text,
  completedAt: text,
  phase: z.enum(['Completed', 'PartiallyFailed']),
  kinds: z.array(z.object({ type: resourceType, count, bytes: count, revision: text, fallbackReason: text.exactOptional() })),
  parts: z.array(hash),
  objectCount: count,
  sizes: z.object({ read: count, stored: count, newSegments: count, knownSegments: count }),
  warnings: z.array(issue),
  errors: z.array(issue),
  steps: z.array(z.object({ step: text, startedAt: text, durationMs: z.number() })),
  log: z.array(z.object({ time: text, level: z.enum(['info', 'warn', 'error']), message: text })),
  schedule: text.exactOptional(),
  labels: z.record(text, text).exactOptional(),
  expiresAt: text.exactOptional(),
  volumes: z.array(capturedVolume).exactOptional(),
  applications: z.array(capturedApplication).exactOptional(),
  etcd: capturedEtcd.exactOptional(),
  releases: z.array(capturedRelease).exactOptional(),
}) satisfies z.ZodType<BackupManifest>;

const deletion = z.object({
  formatVersion: z.literal(1),
  type: z.literal('deletion'),
  deletedAt: text,
  deleted: z.array(z.object({ sequence: count.positive(), hash, name: text })),
}) satisfies z.ZodType<DeletionManifest>;

/** Somebody who can open the repository, as records and the chain name him. */
const keyHolder = z.object({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  label: text,
  type: z.enum(['recipient', 'passphrase']),
  recipient: text,
  addedAt: text,
}) satisfies z.ZodType<KeyHolder>;

const rotation = z.object({
  formatVersion: z.literal(1),
  type: z.literal('rotation'),
  at: text,
  number: count.positive(),
  holders: z.array(keyHolder),
}) satisfies z.ZodType<RotationManifest>;

const hold = z.object({
  formatVersion: z.literal(1),
  type: z.enum(['hold', 'release']),
  at: text,
  reason: text,
  backups: z.array(z.object({ sequence: count.positive(), hash, name: text })),
}) satisfies z.ZodType<HoldManifest>;

const collection = z.object({
  formatVersion: z.literal(1),
  type: z.literal('collection'),
  at: text,
  list: count.positive(),
  packs: count,
  bytes: count,
}) satisfies z.ZodType<CollectionManifest>;

const volumeCollection = z.object({
  formatVersion: z.literal(1),
  type: z.literal('volume-collection'),
  at: text,
  cluster: text,
  snapshots: z.array(hash),
}) satisfies z.ZodType<VolumeCollectionManifest>;

const packs = z.array(hash);
const condemnedList = z.object({
  formatVersion: z.literal(1),
  at: text,
  condemned: z.array(z.object({ pack: hash, at: text })),
  doomed: packs,
  left: packs,
  sparse: packs,
});

const version = z.object({ formatVersion: z.number() });
const chainEntry = z.object({ sequence: count.positive(), previousHash: text, repositoryId: text, body: z.unknown() });
const manifest = z.discriminatedUnion('type', [backup, deletion, rotation, hold, collection, volumeCollection]);
const config = z.object({ format: z.literal('holdfast-repository'), formatVersion: z.literal(1), id: text, createdAt: text, mac: hash });
const secret = z.base64().transform((encoded) => Buffer.from(encoded, 'base64'));
const dataKey = z.object({ number: count, key: secret, sinceSequence: count, createdAt: text });
const keyFile = z.object({ repositoryId: text, formatVersion: z.literal(1), masterKey: secret, dataKeys: z.array(dataKey).default([]) });
const keyRecord = z.object({ holder: keyHolder, dataKey: count, sinceSequence: count });
const record = z.object({ kind: text, id: text, body: z.unknown() });

export type RepositoryConfig = z.infer<typeof config>;

export interface ChainDocument {
  readonly sequence: number;
  readonly previousHash: string;
  readonly repositoryId: string;
  readonly body: Manifest;
}

export function parseChainDocument(bytes: Uint8Array, where: string): ChainDocument {
  const entry = shaped(chainEntry, parseJson(bytes, where), where);
  refuseNewer(entry.body, where);
  return { ...entry, body: shaped(manifest, entry.body, where) };
}

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** Throws what is wrong with a manifest before it is stored, where it would be too late. */
export function assertManifest(body: Manifest): void {
  // What the contract allows and the schema refuses is a compile error here, and not a backup that cannot be committed.
  manifest.parse(body satisfies Frozen<z.input<typeof manifest>>);
}

export function parseConfig(bytes: Uint8Array, where: string): RepositoryConfig {
  const document = parseJson(bytes, where);
  refuseNewer(document, where);
  return shaped(config, document, where);
}

export function parseKeyFile(bytes: Uint8Array, where: string): z.infer<typeof keyFile> {
  const document = parseJson(bytes, where);
  refuseNewer(document, where);
  return shaped(keyFile, document, where);
}

/** What a record of kind `key` says of a key file. */
export function parseKeyRecord(body: unknown, where: string): z.infer<typeof keyRecord> {
  return shaped(keyRecord, body, where);
}

export function parseRecord(bytes: Uint8Array, where: string): z.infer<typeof record> {
  return shaped(record, parseJson(bytes, where), where);
}

export type CondemnedDocument = z.infer<typeof condemnedList>;

export function parseCondemnedList(bytes: Uint8Array, where: string): CondemnedDocument {
  const document = parseJson(bytes, where);
  refuseNewer(document, where);
  return shaped(condemnedList, document, where);
}

/** Parses JSON that is ours; `Damaged` when it is none. */
export function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged(where, 'it is not JSON', cause);
  }
}

function refuseNewer(document: unknown, where: string): void {
  const found = version.safeParse(document);
  if (found.success && found.data.formatVersion > 1) throw newerFormat(where, found.data.formatVersion);
}

function shaped<T>(schema: z.ZodType<T>, document: unknown, where: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw damaged(where, `its document has the wrong shape at ${first?.path.join('.') ?? '?'}`);
}
