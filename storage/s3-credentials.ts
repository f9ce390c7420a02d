import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** Keys of an identity. */
interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Where the credentials come from. Without any of these: the chain of all AWS tools, i.e. environment, web identity (of a service account),
 * shared files, container, machine.
 */
export interface S3CredentialOptions {
  /** Profile of the AWS configuration files. */
  readonly profile?: string;
  /** In place of `~/.aws/credentials`. */
  readonly credentialsFile?: string;
  /** Given keys; asked for again every few minutes, so that they can be renewed where they come from. */
  readonly credentials?: S3Keys | (() => Promise<S3Keys>);
  /** Role to assume with the credentials. */
  readonly roleArn?: string;
  /** As the role's trust policy may demand. */
  readonly externalId?: string;
}

type Provider = () => Promise<S3Keys & { readonly expiration?: Date }>;

/** The SDK renews credentials five minutes before they end. */
const RENEW_MS = 10 * 60_000;

/** The client's settings for an identity. Sends nothing yet. */
export async function s3Credentials(
  options: S3CredentialOptions & { readonly region?: string },
): Promise<Pick<S3ClientConfig, 'credentials' | 'profile'>> {
  const own = ownCredentials(options);
  if (options.roleArn !== undefined) return { credentials: await assumed(options, options.roleArn, own) };
  if (own) return { credentials: own };
  return options.profile === undefined ? {} : { profile: options.profile };
}

/** The keys as they are at this moment, for a program that is given them; undefined where there are none, as for an identity that a pod has by itself. */
export async function keysNow(options: S3CredentialOptions & { readonly region?: string }): Promise<S3Keys | undefined> {
  const { credentials } = await s3Credentials(options);
  if (credentials) return typeof credentials === 'function' ? credentials() : credentials;
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const { profile } = options;
  return fromNodeProviderChain(profile === undefined ? {} : { profile })().catch(() => undefined);
}

/** Of the location itself; undefined for the usual chain, which knows the profile. */
function ownCredentials({ credentials, credentialsFile, profile }: S3CredentialOptions): Provider | undefined {
  if (typeof credentials === 'function') return async () => renewed(await credentials());
  if (credentials) return () => Promise.resolve(credentials);
  if (credentialsFile === undefined) return undefined;
  return async () => {
    const { fromIni } = await import('@aws-sdk/credential-providers');
    const read = fromIni({ filepath: credentialsFile, ignoreCache: true, ...(profile === undefined ? {} : { profile }) });
    return renewed(await read());
  };
}

async function assumed(
  { externalId, profile, region }: S3CredentialOptions & { readonly region?: string },
  roleArn: string,
  own: Provider | undefined,
): Promise<S3ClientConfig['credentials'] & object> {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  return fromTemporaryCredentials({
    masterCredentials: own ?? fromNodeProviderChain(profile === undefined ? {} : { profile }),
    params: { RoleArn: roleArn, RoleSessionName: 'holdfast', ...(externalId === undefined ? {} : { ExternalId: externalId }) },
    ...(region === undefined ? {} : { clientConfig: { region } }),
  });
}

function renewed<T extends S3Keys & { readonly expiration?: Date }>(keys: T): T & { readonly expiration: Date } {
  return { ...keys, expiration: keys.expiration ?? new Date(Date.now() + RENEW_MS) };
}
