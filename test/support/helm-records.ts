import { gzipSync } from 'node:zlib';
import type { JsonObject } from '../../contracts/json.ts';
import { storedRecord, type RecordKind, type StoredRecord } from '../../domain/helm/stored-record.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** A release as Helm encodes it into its record: a chart of one template. */
export function releaseDocument(changes: JsonObject = {}): JsonObject {
  return {
    name: 'web',
    info: { status: 'deployed', description: 'Install complete', last_deployed: '2026-01-02T03:04:05Z', notes: '' },
    chart: {
      metadata: { name: 'web', version: '1.2.3', apiVersion: 'v2', appVersion: '2.0' },
      lock: null,
      templates: [{ name: 'templates/a.yaml', data: encoded('apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n') }],
      values: { count: 2 },
      schema: null,
      files: [],
    },
    config: { count: 3 },
    manifest: '---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
    version: 1,
    namespace: 'shop',
    ...changes,
  };
}

export interface RecordOptions {
  readonly kind?: RecordKind;
  readonly namespace?: string;
  readonly name?: string;
  readonly revision?: number;
  readonly status?: string;
  /** What Helm's base64 holds, in place of the packed document. */
  readonly content?: Buffer;
}

/** The object in which Helm keeps a record. */
export function recordObject(document: JsonObject, options: RecordOptions = {}): JsonObject {
  const { kind = 'Secret', namespace = 'shop', name = 'web', revision = 1, status = 'deployed' } = options;
  const content = (options.content ?? gzipSync(JSON.stringify(document))).toString('base64');
  const labels = { name, owner: 'helm', status, version: String(revision), modifiedAt: '1767323045' };
  return {
    apiVersion: 'v1',
    kind,
    metadata: { name: `sh.helm.release.v1.${name}.v${revision}`, namespace, labels },
    ...(kind === 'Secret' ? { type: 'helm.sh/release.v1' } : {}),
    data: { release: kind === 'Secret' ? encoded(content) : content },
  };
}

export function record(document: JsonObject = releaseDocument(), options: RecordOptions = {}): StoredRecord {
  const found = storedRecord(options.kind ?? 'Secret', recordObject(document, options));
  if (!found) throw new Error('this is no record');
  return found;
}
