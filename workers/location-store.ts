import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { StoreOptions } from '../storage/open-store.ts';
import type { StoreCheck } from '../storage/store-check.ts';
import { CREDENTIAL_NAMES, type CredentialName, type Location } from './location-schema.ts';
import { readSecret, type SecretSource } from './secret-sources.ts';

/** Which of a location's identities. */
export interface StoreUse {
  /** The one that may delete, where the location has another one for that. */
  readonly maintenance?: boolean;
}

/** Opens a location's place. Secrets of Azure are read now and when they are refused, those of S3 when they are needed and every few minutes. */
export async function connectStore(location: Location, { maintenance = false }: StoreUse = {}): Promise<ObjectStore> {
  const { openStore } = await import('../storage/open-store.ts');
  return openStore(location.url, await storeOptions(maintenance ? asMaintenance(location) : location));
}

/** Checks a place with all identities of its location; what the findings mean is up to the caller. */
export async function checkPlace(
  location: Location,
  open: (name: string, use: StoreUse) => Promise<ObjectStore>,
  onStep?: (step: string) => void,
): Promise<StoreCheck> {
  const { checkStore } = await import('../storage/store-check.ts');
  return checkStore(await open(location.name, {}), {
    ...(location.lock ? { lock: location.lock } : {}),
    ...(location.maintenance ? { maintenance: await open(location.name, { maintenance: true }) } : {}),
    ...(onStep ? { onStep } : {}),
  });
}

/** The location with the credentials of maintenance in place of all others. */
export function asMaintenance(location: Location): Location {
  if (!location.maintenance) return location;
  const others = Object.entries(location).filter(([name]) => !CREDENTIAL_NAMES.includes(name as CredentialName));
  return { ...(Object.fromEntries(others) as Location), ...location.maintenance };
}

/** The options of a location's store, its secrets read. */
export async function storeOptions(location: Location): Promise<StoreOptions> {
  const { endpoint, caFile, lock, region, forcePathStyle, checksums, conditionalWrites, encryption, kmsKeyId, tags, storageClass } =
    location;
  const { profile, credentialsFile, roleArn, externalId, account, requestTimeoutSeconds } = location;
  return present<StoreOptions>({
    ...{ endpoint, caFile, lock, region, forcePathStyle, checksums, conditionalWrites, encryption, kmsKeyId, tags, storageClass },
    ...{ profile, credentialsFile, roleArn, externalId, account },
    requestTimeoutMs: requestTimeoutSeconds === undefined ? undefined : requestTimeoutSeconds * 1000,
    credentials: s3Keys(location),
    keyFile: location.googleKeyFile,
    connectionString: undefined,
    accountKey: undefined,
    sasToken: undefined,
    ...(await azureSecrets(location)),
    renewedSecrets: () => azureSecrets(location),
  });
}

async function azureSecrets(location: Location): Promise<Pick<StoreOptions, 'connectionString' | 'accountKey' | 'sasToken'>> {
  return present({
    connectionString: await secretOf(location, 'connectionString'),
    accountKey: await secretOf(location, 'accountKey'),
    sasToken: await secretOf(location, 'sasToken'),
  });
}

function s3Keys(location: Location): StoreOptions['credentials'] {
  if (!location.accessKeyId) return undefined;
  return async () => {
    const sessionToken = await secretOf(location, 'sessionToken');
    return {
      accessKeyId: (await secretOf(location, 'accessKeyId')) ?? '',
      secretAccessKey: (await secretOf(location, 'secretAccessKey')) ?? '',
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
  };
}

type SecretName = 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'connectionString' | 'accountKey' | 'sasToken';

async function secretOf(location: Location, name: SecretName): Promise<string | undefined> {
  const source: SecretSource | undefined = location[name];
  if (!source) return undefined;
  const what = `${name} of location ${location.name}`;
  const value = (await readSecret(source, what)).trim();
  if (value === '') throw new HoldfastError(FailureType.BadInput, `${what}: is empty`, { advice: 'put the secret there' });
  return value;
}

/** Without the options that are not given. */
function present<T extends object>(options: { readonly [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
