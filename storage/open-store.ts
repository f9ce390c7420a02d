import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../contracts/failures.ts';
import { FilesystemStore } from './filesystem.ts';
import { isKey } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import { AzureStore } from './azure.ts';
import type { AzureOptions } from './azure-account.ts';
import { GcsStore } from './gcs.ts';
import type { GcsOptions } from './gcs-client.ts';
import { S3Store } from './s3.ts';
import type { S3Options } from './s3-client.ts';
import { withRetry } from './with-retry.ts';

/** Each kind of store takes the options that are its own, and leaves the others. */
export type StoreOptions = S3Options & GcsOptions & AzureOptions;

type BucketScheme = 's3' | 'gs' | 'azblob';

export type LocationUrl =
  | { readonly scheme: 'file'; readonly path: string }
  | {
      readonly scheme: BucketScheme;
      /** Bucket, or container of Azure. */
      readonly bucket: string;
      /** '' or ending with `/`. */
      readonly prefix: string;
    };

interface BucketRule {
  readonly what: 'bucket' | 'container';
  readonly pattern: RegExp;
  readonly advice: string;
}

const FORMS = 'file:///absolute/path, s3://bucket/prefix, gs://bucket/prefix or azblob://container/prefix';

const RULES: Readonly<Record<BucketScheme, BucketRule>> = {
  s3: {
    what: 'bucket',
    pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    advice: 'bucket names have 3 to 63 characters of a-z, 0-9, "." and "-"',
  },
  gs: {
    what: 'bucket',
    pattern: /^[a-z0-9](?=.{2,221}$)[a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,63})*(?<=[a-z0-9])$/,
    advice: 'bucket names have 3 to 63 characters of a-z, 0-9, "-", "_" and ".", and begin and end with a letter or digit',
  },
  azblob: {
    what: 'container',
    pattern: /^[a-z0-9](?=.{2,62}$)(-?[a-z0-9])*$/,
    advice: 'write azblob://container/prefix with 3 to 63 characters of a-z, 0-9 and single "-"; the account is an option of the location',
  },
};

/** What other tools call these stores. */
const OTHER_NAMES: Readonly<Record<string, BucketScheme>> = {
  gcs: 'gs',
  az: 'azblob',
  azure: 'azblob',
  abfs: 'azblob',
  abfss: 'azblob',
  wasb: 'azblob',
  wasbs: 'azblob',
  s3a: 's3',
  minio: 's3',
};

/** Reads a location's URL: `file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix` or `azblob://container/prefix`. Everything else is `BadInput`. */
export function parseLocationUrl(url: string): LocationUrl {
  const scheme = /^([a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) throw bad(url, 'has no scheme', `write ${FORMS}`);
  if (scheme === 'file') return parseFile(url);
  if (isBucketScheme(scheme)) return parseBucket(url, scheme);
  const meant = OTHER_NAMES[scheme];
  // Such addresses may hold credentials or signatures.
  throw bad(`${scheme}://...`, 'the scheme is unknown', `use ${meant === undefined ? FORMS : `${meant}://${RULES[meant].what}/prefix`}`);
}

/** The store behind a location's URL, with retries. Sends nothing yet. */
export function openStore(url: string, options: StoreOptions = {}): ObjectStore {
  return withRetry(driver(parseLocationUrl(url), options));
}

function driver(location: LocationUrl, options: StoreOptions): ObjectStore {
  switch (location.scheme) {
    case 'file':
      return new FilesystemStore(location.path);
    case 's3':
      return new S3Store(location, options);
    case 'gs':
      return new GcsStore(location, options);
    case 'azblob':
      return new AzureStore(location, options);
  }
}

function isBucketScheme(scheme: string): scheme is BucketScheme {
  return Object.hasOwn(RULES, scheme);
}

function parseFile(url: string): LocationUrl {
  const advice = 'write an absolute path with three slashes: file:///path';
  if (!/^file:\/\/\/[^/]/i.test(url)) throw bad(url, 'is not an absolute path', advice);
  try {
    const path = fileURLToPath(url).replace(/\/+$/, '');
    if (isAbsolute(path)) return { scheme: 'file', path };
  } catch {
    // Reported below: the URL holds %2F or characters that no path has.
  }
  throw bad(url, 'is not a path', advice);
}

function parseBucket(url: string, scheme: BucketScheme): LocationUrl {
  const { what, pattern, advice } = RULES[scheme];
  const [bucket = '', ...rest] = url
    .slice(scheme.length + 1)
    .replace(/^\/{0,2}/, '')
    .split('/');
  if (/[@?]/.test(url))
    throw bad(`${scheme}://...`, 'has credentials or a query in it', 'give them as options of the location or in the environment');
  if (bucket === '') throw bad(url, `names no ${what}`, `write ${scheme}://${what} or ${scheme}://${what}/prefix`);
  if (!pattern.test(bucket)) throw bad(url, `is not a ${what} name`, advice);
  const prefix = rest.join('/').replace(/\/+$/, '');
  if (prefix !== '' && !isKey(prefix)) throw bad(url, 'has an illegal prefix', 'use a-z, 0-9, ".", "_" and "-", separated by "/"');
  return { scheme, bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

function bad(url: string, what: string, advice: string): HoldfastError {
  return new HoldfastError('BadInput', `location ${url}: ${what}`, { advice });
}
