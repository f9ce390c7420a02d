import { z } from 'zod';
import { SecretSource } from './secret-sources.ts';

const text = z.string().min(1);

/** An identity at a store. With none of them the usual sources of each store count: environment, profile, machine. */
const CREDENTIALS = {
  /** Profile of the AWS configuration files. */
  profile: text.optional(),
  /** In place of `~/.aws/credentials`. */
  credentialsFile: text.optional(),
  accessKeyId: SecretSource.optional(),
  secretAccessKey: SecretSource.optional(),
  sessionToken: SecretSource.optional(),
  /** Role to assume with the other credentials. */
  roleArn: z
    .string()
    .regex(/^arn:[^:\s]+:iam::\d{12}:role\/\S+$/, 'is not the ARN of a role')
    .optional(),
  externalId: text.optional(),
  /** Service account key, or configuration of workload identity federation. */
  googleKeyFile: text.optional(),
  connectionString: SecretSource.optional(),
  accountKey: SecretSource.optional(),
  sasToken: SecretSource.optional(),
};
export type CredentialName = keyof typeof CREDENTIALS;
export const CREDENTIAL_NAMES = Object.keys(CREDENTIALS) as readonly CredentialName[];

const tags = z
  .record(z.string().min(1).max(128), z.string().max(256))
  .refine((given) => Object.keys(given).length <= 10, 'S3 takes at most 10 tags');

const Fields = z.strictObject({
  name: text,
  url: text,
  /** age identities that open the repository. */
  key: SecretSource.optional(),
  passphrase: SecretSource.optional(),
  /** zstd's, of what is stored from now on. */
  compressionLevel: z.int().min(1).max(19).optional(),
  /** What is stored together in one object. */
  packSizeMiB: z.int().min(4).max(64).optional(),
  /** Locations that get a copy of each backup. */
  copyTo: z.array(text).optional(),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/, 'is not a URL such as https://host:9000')
    .optional(),
  caFile: text.optional(),
  requestTimeoutSeconds: z.int().min(1).max(3_600).optional(),
  /** Object lock of everything that is stored. */
  lock: z.strictObject({ mode: z.enum(['governance', 'compliance']), days: z.int().min(1).max(36_500) }).optional(),
  region: text.optional(),
  forcePathStyle: z.boolean().optional(),
  checksums: z.enum(['when-required', 'when-supported']).optional(),
  /** False for servers that ignore `If-None-Match`: one writer at a time. */
  conditionalWrites: z.boolean().optional(),
  encryption: z.enum(['AES256', 'aws:kms']).optional(),
  kmsKeyId: text.optional(),
  tags: tags.optional(),
  storageClass: z
    .string()
    .regex(/^[A-Z0-9_]+$/, 'is not a storage class such as STANDARD_IA')
    .optional(),
  /** Azure storage account. */
  account: z
    .string()
    .regex(/^[a-z0-9]{3,24}$/, 'is not the name of a storage account')
    .optional(),
  ...CREDENTIALS,
  /** The identity that may delete, in place of the one above: for gc, prune and delete. */
  maintenance: z.strictObject(CREDENTIALS).optional(),
});
type Fields = z.infer<typeof Fields>;
type Option = Exclude<keyof Fields, 'name' | 'url'>;

const S3 = ['s3'];
const REMOTE = ['s3', 'gs', 'azblob'];

/** Which stores an option is for; those that are not here are for all. */
const STORES: Readonly<Partial<Record<Option, readonly string[]>>> = {
  endpoint: REMOTE,
  caFile: REMOTE,
  requestTimeoutSeconds: REMOTE,
  lock: REMOTE,
  maintenance: REMOTE,
  region: S3,
  forcePathStyle: S3,
  checksums: S3,
  conditionalWrites: S3,
  encryption: S3,
  kmsKeyId: S3,
  tags: S3,
  storageClass: S3,
  profile: S3,
  credentialsFile: S3,
  accessKeyId: S3,
  secretAccessKey: S3,
  sessionToken: S3,
  roleArn: S3,
  externalId: S3,
  googleKeyFile: ['gs'],
  account: ['azblob'],
  connectionString: ['azblob'],
  accountKey: ['azblob'],
  sasToken: ['azblob'],
};

/** A place for backups: where it is, how to reach it, and what opens it. Secrets are named by where they are found. */
export const Location = Fields.superRefine((location, context) => {
  const complain = (path: readonly string[], message: string): void => {
    context.addIssue({ code: 'custom', path: [...path], message });
  };
  const scheme = /^([a-z0-9]+):/i.exec(location.url)?.[1]?.toLowerCase() ?? '';
  const unfitting = (given: object, path: readonly string[]): void => {
    for (const [name, value] of Object.entries(given)) {
      const stores = STORES[name as Option];
      if (value === undefined || !stores || stores.includes(scheme)) continue;
      complain([...path, name], `is for ${stores.map((store) => `${store}://`).join(', ')}, not for ${scheme}://`);
    }
  };
  unfitting(location, []);
  if (location.maintenance) unfitting(location.maintenance, ['maintenance']);
  for (const [path, problem] of contradictions(location)) complain(path, problem);
});
export type Location = Fields;

type Problem = readonly [path: readonly string[], message: string];

function contradictions(location: Fields): readonly Problem[] {
  const problems: Problem[] = [...identityProblems(location, [])];
  const { maintenance, name, copyTo = [], kmsKeyId, encryption, key, passphrase } = location;
  if (key && passphrase) problems.push([['passphrase'], 'give a key or a passphrase, not both']);
  if (kmsKeyId !== undefined && encryption !== 'aws:kms') problems.push([['kmsKeyId'], 'needs encryption aws:kms']);
  if (copyTo.includes(name)) problems.push([['copyTo'], 'names the location itself']);
  if (maintenance) {
    if (Object.keys(maintenance).length === 0) problems.push([['maintenance'], 'names no credentials']);
    problems.push(...identityProblems(maintenance, ['maintenance']));
  }
  return problems;
}

/** Two sources for one identity would leave it open which of them counts. */
function identityProblems(given: Partial<Pick<Fields, CredentialName>>, path: readonly string[]): readonly Problem[] {
  const problems: Problem[] = [];
  const { accessKeyId, secretAccessKey, sessionToken, credentialsFile, profile, roleArn, externalId } = given;
  if (Boolean(accessKeyId) !== Boolean(secretAccessKey)) {
    problems.push([
      [...path, accessKeyId ? 'secretAccessKey' : 'accessKeyId'],
      'is missing: access key id and secret access key belong together',
    ]);
  }
  if (sessionToken && !accessKeyId) problems.push([[...path, 'sessionToken'], 'needs an access key id and a secret access key']);
  if (accessKeyId && (credentialsFile !== undefined || profile !== undefined)) {
    problems.push([[...path, 'accessKeyId'], 'give keys, or a profile or file that has them, not both']);
  }
  if (externalId !== undefined && roleArn === undefined) problems.push([[...path, 'externalId'], 'needs a role to assume']);
  if ([given.connectionString, given.accountKey, given.sasToken].filter(Boolean).length > 1) {
    problems.push([path, 'give only one of connection string, account key and SAS token']);
  }
  return problems;
}
