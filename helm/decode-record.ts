import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Json, JsonObject } from '../contracts/json.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Release } from '../domain/helm/release.ts';
import { recordText, type StoredRecord } from '../domain/helm/stored-record.ts';
import { parseLossless, stringifyLossless } from '../domain/json/lossless.ts';
import { isObject } from '../domain/resource/fields.ts';

/** An object of Kubernetes has 1.5 MB at most, and text shrinks to a tenth: more than this is made to fill our memory. */
const MAX_BYTES = 64 * 1024 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

const values = z
  .custom<JsonObject>((value) => isObject(value as Json), 'is not an object')
  .nullish()
  .transform((value) => value ?? {});
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'is not base64');
const files = z
  .array(z.object({ name: z.string().min(1), data: base64.nullish().transform((data) => data ?? '') }))
  .nullish()
  .transform((list) => list ?? []);
const text = z.string().default('');

/** As Go's encoder writes it: what is empty is null or not there. */
const document = z.object({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'is no name of a release'),
  version: z.number().int().positive(),
  info: z.object({ status: text, description: text, last_deployed: text, notes: text }),
  chart: z.object({
    metadata: z.custom<Release['chart']['metadata']>(isChartMetadata, 'has no name and version'),
    lock: values.nullish(),
    templates: files,
    values,
    schema: base64.nullish(),
    files,
  }),
  config: values,
  manifest: text,
  hooks: z
    .array(z.object({ path: text, manifest: text }))
    .nullish()
    .transform((list) => list ?? []),
});

/** The release in a record. `Damaged` names it in one line when the record is cut short, blown up, or no release. */
export function decodeRecord(record: StoredRecord): Release {
  const { data: found, error } = document.safeParse(contentOf(record));
  if (!found) {
    const [issue] = error.issues;
    throw damaged(record, `its document is none of Helm's: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { info, chart } = found;
  return {
    name: found.name,
    namespace: record.namespace,
    revision: found.version,
    status: info.status,
    description: info.description,
    deployedAt: info.last_deployed,
    notes: info.notes,
    chart: {
      metadata: chart.metadata,
      templates: chart.templates,
      values: chart.values,
      files: chart.files,
      ...(chart.lock && Object.keys(chart.lock).length > 0 ? { lock: chart.lock } : {}),
      ...(chart.schema ? { schema: chart.schema } : {}),
    },
    config: found.config,
    manifest: found.manifest,
    hooks: found.hooks,
  };
}

/** The record's payload with another namespace in it; undefined when it says that one already. */
export function movedRecord(record: StoredRecord, namespace: string): string | undefined {
  const content = contentOf(record);
  if (!isObject(content)) throw damaged(record, "its document is none of Helm's");
  if (content['namespace'] === namespace) return undefined;
  const packed = gzipSync(stringifyLossless({ ...content, namespace })).toString('base64');
  return record.kind === 'Secret' ? Buffer.from(packed).toString('base64') : packed;
}

function contentOf(record: StoredRecord): Json {
  // A Secret's values are base64, of what Helm has made base64 before.
  const payload = record.kind === 'Secret' ? fromBase64(record, record.payload).toString('latin1') : record.payload;
  return parsed(record, unpacked(record, fromBase64(record, payload)));
}

function fromBase64(record: StoredRecord, encoded: string): Buffer {
  if (encoded === '') throw damaged(record, 'it is empty');
  if (!BASE64.test(encoded)) throw damaged(record, 'it is not base64');
  return Buffer.from(encoded, 'base64');
}

/** Records of before Helm compressed them are plain. */
function unpacked(record: StoredRecord, bytes: Buffer): Buffer {
  if (!bytes.subarray(0, GZIP.length).equals(GZIP)) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw damaged(record, isTooLarge ? `it unpacks to more than ${MAX_BYTES / 1024 / 1024} MiB` : 'it is cut short or damaged', error);
  }
}

function parsed(record: StoredRecord, bytes: Buffer): Json {
  try {
    return parseLossless(bytes.toString('utf8'));
  } catch (error) {
    // The parser's message quotes what it met, and that may be a secret.
    throw damaged(record, `it is not JSON (${(error as Error).name})`);
  }
}

function damaged(record: StoredRecord, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError(FailureType.Damaged, `${recordText(record)}: its record ${record.objectName} cannot be read: ${problem}`, {
    advice: 'see `helm history`, and upgrade the release or take an earlier backup',
    cause,
  });
}

/** Names become names of folders and archives: what could lead out of them is refused. */
function isChartMetadata(value: unknown): boolean {
  if (!isObject(value as Json)) return false;
  const { name, version } = value as JsonObject;
  return typeof name === 'string' && /^(?!\.+$)[\w.-]+$/.test(name) && typeof version === 'string' && /^[\w.+-]+$/.test(version);
}
