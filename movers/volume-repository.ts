import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { VolumeRepository } from './port.ts';

/** What a mover has to know of a location, with its credentials as they are found for the stores. */
export interface LocationFacts {
  /** `file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix` or `azblob://container/prefix`; checked already. */
  readonly place:
    | { readonly scheme: 'file'; readonly path: string }
    | { readonly scheme: 's3' | 'gs' | 'azblob'; readonly bucket: string; readonly prefix: string };
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly forcePathStyle?: boolean | undefined;
  readonly storageClass?: string | undefined;
  /** Keys of S3; absent where the mover has an identity of its own. */
  readonly keys?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string } | undefined;
  /** Content of a service account's key file. */
  readonly googleKey?: string | undefined;
  /** Azure's storage account with its key, a SAS token or a connection string that has them. */
  readonly account?: string | undefined;
  readonly accountKey?: string | undefined;
  readonly sasToken?: string | undefined;
  readonly connectionString?: string | undefined;
  /** PEM of the authorities that are trusted in place of the usual ones. */
  readonly authority?: string | undefined;
}

type Reached = Pick<VolumeRepository, 'url' | 'environment'> & Partial<Pick<VolumeRepository, 'files' | 'options'>>;

/**
 * The restic repository `volumes/<cluster uid>` of a location. Rejects with `BadInput` where restic cannot reach what the drivers can: stores
 * of Google and Azure at an address of their own, and S3 below a path of one.
 */
export function volumeRepository(facts: LocationFacts, clusterUid: string, password: string): VolumeRepository {
  const folder = `volumes/${clusterUid}`;
  return { ...reach(facts, folder), password, authority: facts.authority ?? '' };
}

function reach(facts: LocationFacts, folder: string): Reached {
  const { place } = facts;
  switch (place.scheme) {
    case 'file':
      return { url: `${place.path}/${folder}`, environment: {} };
    case 's3':
      return s3(facts, `${place.bucket}/${place.prefix}${folder}`);
    case 'gs':
      return google(facts, `gs:${place.bucket}:/${place.prefix}${folder}`);
    case 'azblob':
      return azure(facts, `azure:${place.bucket}:/${place.prefix}${folder}`);
  }
}

function s3({ endpoint, region, forcePathStyle, storageClass, keys }: LocationFacts, path: string): Reached {
  const base = endpoint ?? amazon(region);
  if (new URL(base).pathname !== '/') {
    throw unreachable(
      base,
      'has a path',
      'give the endpoint of the location without a path: restic takes what follows the host for the bucket',
    );
  }
  // As the driver does: servers of their own rarely have a name for each bucket.
  const isPathStyle = forcePathStyle ?? endpoint !== undefined;
  return {
    url: `s3:${new URL(base).origin}/${path}`,
    environment: {
      ...(region === undefined ? {} : { AWS_DEFAULT_REGION: region }),
      ...(keys === undefined ? {} : { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }),
      ...(keys?.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: keys.sessionToken }),
    },
    options: {
      's3.bucket-lookup': isPathStyle ? 'path' : 'dns',
      ...(storageClass === undefined ? {} : { 's3.storage-class': storageClass }),
    },
  };
}

function amazon(region: string | undefined): string {
  if (region === undefined) return 'https://s3.amazonaws.com';
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function google({ endpoint, googleKey }: LocationFacts, url: string): Reached {
  if (endpoint !== undefined)
    throw unreachable(endpoint, 'is an endpoint of its own', 'restic reaches Google Cloud Storage at its usual address only');
  return { url, environment: {}, ...(googleKey === undefined ? {} : { files: { GOOGLE_APPLICATION_CREDENTIALS: googleKey } }) };
}

function azure(facts: LocationFacts, url: string): Reached {
  const given = connection(facts.connectionString ?? '');
  const account = given.get('accountname') ?? facts.account;
  const key = given.get('accountkey') ?? facts.accountKey;
  const token = given.get('sharedaccesssignature') ?? facts.sasToken;
  const suffix = suffixOf(facts.endpoint ?? given.get('blobendpoint'), account) ?? given.get('endpointsuffix');
  return {
    url,
    environment: {
      ...(account === undefined ? {} : { AZURE_ACCOUNT_NAME: account }),
      ...(key === undefined ? {} : { AZURE_ACCOUNT_KEY: key }),
      ...(token === undefined ? {} : { AZURE_ACCOUNT_SAS: token }),
      ...(suffix === undefined ? {} : { AZURE_ENDPOINT_SUFFIX: suffix }),
    },
  };
}

/** `Name=value;...`, names in lower case. */
function connection(text: string): ReadonlyMap<string, string> {
  const parts = text.split(';').flatMap((part) => {
    const at = part.indexOf('=');
    return at < 1 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const];
  });
  return new Map(parts);
}

/** restic makes the address from account and suffix: `https://<account>.blob.<suffix>`. */
function suffixOf(endpoint: string | undefined, account = ''): string | undefined {
  if (endpoint === undefined) return undefined;
  const { protocol, host, pathname } = new URL(endpoint);
  const start = `${account}.blob.`;
  if (protocol === 'https:' && pathname === '/' && account !== '' && host.startsWith(start)) return host.slice(start.length);
  throw unreachable(endpoint, 'is an endpoint of its own', 'restic reaches Azure at https://<account>.blob.<suffix> only');
}

function unreachable(endpoint: string, why: string, advice: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `volumes cannot be stored at ${endpoint}: it ${why}`, { advice });
}
