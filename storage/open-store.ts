import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../contracts/failures.ts';
import { FilesystemStore } from './filesystem.ts';
import { isKey } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import { S3Store, type S3Place } from './s3.ts';
import type { S3Options } from './s3-client.ts';
import { withRetry } from './with-retry.ts';

export type StoreOptions = S3Options;

export type LocationUrl = { readonly scheme: 'file'; readonly path: string } | ({ readonly scheme: 's3' } & S3Place);

const LATER = new Set(['gs', 'azblob']);
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Reads a location's URL: `file:///path` or `s3://bucket/prefix`. Everything else is `BadInput`. */
export function parseLocationUrl(url: string): LocationUrl {
  const scheme = /^([a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return parseFile(url);
  if (scheme === 's3') return parseS3(url);
  if (scheme === undefined) throw bad(url, 'has no scheme', 'write file:///absolute/path or s3://bucket/prefix');
  if (LATER.has(scheme)) throw bad(url, `${scheme}:// is not supported by this version`, 'use file:///absolute/path or s3://bucket/prefix');
  throw bad(url, `the scheme ${scheme}:// is unknown`, 'use file:///absolute/path or s3://bucket/prefix');
}

/** The store behind a location's URL, with retries. Sends nothing yet. */
export function openStore(url: string, options: StoreOptions = {}): ObjectStore {
  const location = parseLocationUrl(url);
  return withRetry(location.scheme === 'file' ? new FilesystemStore(location.path) : new S3Store(location, options));
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

function parseS3(url: string): LocationUrl {
  const [bucket = '', ...rest] = url.replace(/^s3:\/{0,2}/i, '').split('/');
  if (bucket.includes('@')) throw bad('s3://...', 'has credentials in it', 'use the environment or a profile for credentials');
  if (bucket === '') throw bad(url, 'names no bucket', 'write s3://bucket or s3://bucket/prefix');
  if (!BUCKET.test(bucket)) throw bad(url, 'is not a bucket name', 'bucket names have 3 to 63 characters of a-z, 0-9, "." and "-"');
  const prefix = rest.join('/').replace(/\/+$/, '');
  if (prefix !== '' && !isKey(prefix)) throw bad(url, 'has an illegal prefix', 'use a-z, 0-9, ".", "_" and "-", separated by "/"');
  return { scheme: 's3', bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

function bad(url: string, what: string, advice: string): HoldfastError {
  return new HoldfastError('BadInput', `location ${url}: ${what}`, { advice });
}
