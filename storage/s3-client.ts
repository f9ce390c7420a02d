import { readFile } from 'node:fs/promises';
import type * as Sdk from '@aws-sdk/client-s3';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import type { LockPolicy } from './lock-policy.ts';
import { s3Credentials, type S3CredentialOptions } from './s3-credentials.ts';

/** How to reach an S3 server, and what it does with new objects. */
export interface S3Options extends S3CredentialOptions {
  /** Of S3-compatible servers, e.g. `https://minio.example:9000`; absent for AWS. */
  readonly endpoint?: string;
  readonly region?: string;
  /** `https://endpoint/bucket` in place of `https://bucket.endpoint`; default: true when an endpoint is given. */
  readonly forcePathStyle?: boolean;
  /** PEM file with the certificate authorities to trust, in place of the system's. */
  readonly caFile?: string;
  /** `when-required` (default) leaves out checksum trailers, which several S3-compatible servers refuse; Holdfast checks content itself. */
  readonly checksums?: 'when-required' | 'when-supported';
  /** False for servers that ignore `If-None-Match`: the store then looks before it writes, and declares that its creation is not atomic. */
  readonly conditionalWrites?: boolean;
  /** Encryption by the server, on top of ours: with its own key, or with one of a key management service. */
  readonly encryption?: 'AES256' | 'aws:kms';
  /** Absent with `aws:kms`: the account's key for S3. */
  readonly kmsKeyId?: string;
  /** Set on every object. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Of every object, e.g. `STANDARD_IA`. */
  readonly storageClass?: string;
  /** Set on every object; the bucket must have been made with Object Lock. */
  readonly lock?: LockPolicy;
  /** Milliseconds for one request with its body, default 60,000. */
  readonly requestTimeoutMs?: number;
}

/** The SDK with a client made from it. It takes 100 ms to load, so only those who use S3 load it. */
export interface S3Connection {
  readonly sdk: typeof Sdk;
  readonly client: S3Client;
}

/** Connects lazily: nothing is sent until the first request. A CA file that cannot be read is `BadInput`. */
export async function connectS3(options: S3Options): Promise<S3Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: new sdk.S3Client(await clientConfig(options)) };
}

async function clientConfig(options: S3Options): Promise<S3ClientConfig> {
  const mode = options.checksums === 'when-supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const agent = { keepAlive: true, maxSockets: 64 };
  const ca = options.caFile === undefined ? undefined : await readCa(options.caFile);
  return {
    // Attempts are counted in one place only, storage/with-retry.ts, so that an overloaded store is not hit several times over.
    maxAttempts: 1,
    requestChecksumCalculation: mode,
    responseChecksumValidation: mode,
    forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
    requestHandler: { connectionTimeout: 10_000, httpAgent: agent, httpsAgent: ca === undefined ? agent : { ...agent, ca } },
    ...region(options),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(await s3Credentials(options)),
  };
}

/** S3-compatible servers need some region for the signature and rarely care which; AWS itself finds it in its own configuration. */
function region(options: S3Options): Pick<S3ClientConfig, 'region'> {
  if (options.region !== undefined) return { region: options.region };
  const configured = process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  if (configured !== undefined) return { region: configured };
  return options.endpoint === undefined ? {} : { region: 'us-east-1' };
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('BadInput', `the CA file ${path} cannot be read`, { advice: 'correct the path in the location', cause });
  }
}
