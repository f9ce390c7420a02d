import { HoldfastError } from '../contracts/failures.ts';
import type { LockPolicy } from './lock-policy.ts';

/**
 * How to reach Azure Blob Storage. The first that is given counts: connection string, account key, SAS token, each from the options, else from
 * the environment (AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN); else the identity of the machine, the pod
 * (workload identity) or the developer.
 */
export interface AzureOptions {
  /** Storage account; default: AZURE_STORAGE_ACCOUNT, or that of the connection string. */
  readonly account?: string;
  /** Default: the connection string's, else `https://ACCOUNT.blob.core.windows.net`. */
  readonly endpoint?: string;
  /** `UseDevelopmentStorage=true` is the emulator at its usual place. */
  readonly connectionString?: string;
  /** Base64. */
  readonly accountKey?: string;
  readonly sasToken?: string;
  /** Asked once the secrets above are refused: they may have been renewed where they come from. */
  readonly renewedSecrets?: () => Promise<AzureSecrets>;
  /** PEM file with the certificate authorities to trust, in place of the system's. */
  readonly caFile?: string;
  /** Set on every object; the container must have been made with version-level immutability. */
  readonly lock?: LockPolicy;
  /** Milliseconds for one request with its body, default 60,000. */
  readonly requestTimeoutMs?: number;
}

/** At most one of them. */
type AzureSecrets = Pick<AzureOptions, 'connectionString' | 'accountKey' | 'sasToken'>;

type AzureSecret =
  | { readonly kind: 'key'; readonly account: string; readonly key: string }
  | { readonly kind: 'sas'; readonly token: string }
  | { readonly kind: 'identity' };

export interface AzureAccount {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly secret: AzureSecret;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The account and the key of every Azurite and of its predecessors, published by Microsoft: it opens nothing but emulators. */
const EMULATOR = {
  BlobEndpoint: 'http://127.0.0.1:10000/devstoreaccount1',
  AccountName: 'devstoreaccount1',
  AccountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
};

/** Decides where requests go and with which secret. What cannot work is `BadInput`; no secret is in its message. */
export function azureAccount(options: AzureOptions, environment: Environment = process.env): AzureAccount {
  const given = connectionValues(options, environment);
  const account = options.account ?? given['AccountName'] ?? valueOf(environment, 'AZURE_STORAGE_ACCOUNT');
  const endpoint = options.endpoint ?? given['BlobEndpoint'] ?? providerEndpoint(account, given);
  if (endpoint === undefined) {
    throw bad('names no storage account', 'set the account of the location, AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING');
  }
  if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(endpoint))
    throw bad('its endpoint is not a URL', 'write https://ACCOUNT.blob.core.windows.net');
  const secret = secretOf(options, { given, account, environment });
  if (secret.kind === 'identity' && endpoint.startsWith('http://')) {
    throw bad('an endpoint with http:// needs an account key or a SAS token', 'tokens of an identity are sent over https only');
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), secret };
}

function secretOf(
  options: AzureOptions,
  found: { readonly given: Environment; readonly account: string | undefined; readonly environment: Environment },
): AzureSecret {
  const { given, environment } = found;
  const own = options.connectionString !== undefined || options.accountKey !== undefined || options.sasToken !== undefined;
  const fallback = (name: string): string | undefined => (own ? undefined : valueOf(environment, name));
  const key = given['AccountKey'] ?? options.accountKey ?? fallback('AZURE_STORAGE_KEY');
  if (key !== undefined) {
    if (found.account === undefined) throw bad('an account key needs the name of its account', 'set the account of the location');
    return { kind: 'key', account: found.account, key };
  }
  const token = given['SharedAccessSignature'] ?? options.sasToken ?? fallback('AZURE_STORAGE_SAS_TOKEN');
  return token === undefined ? { kind: 'identity' } : { kind: 'sas', token: token.replace(/^\?/, '') };
}

/** Of the options' connection string; of the environment's only where the options choose neither a secret nor another account. */
function connectionValues(options: AzureOptions, environment: Environment): Environment {
  if (options.connectionString !== undefined) return parseConnectionString(options.connectionString);
  const text = valueOf(environment, 'AZURE_STORAGE_CONNECTION_STRING');
  if (text === undefined || options.accountKey !== undefined || options.sasToken !== undefined) return {};
  const values = parseConnectionString(text);
  return options.account === undefined || options.account === values['AccountName'] ? values : {};
}

function parseConnectionString(text: string): Environment {
  const pairs = text.split(';').flatMap((pair) => {
    const [, name = '', value = ''] = /^\s*([^=]+)=(.*?)\s*$/s.exec(pair) ?? [];
    return name === '' ? [] : [[name, value] as const];
  });
  const values: Environment = Object.fromEntries(pairs);
  if (values['UseDevelopmentStorage'] === 'true') return EMULATOR;
  if (values['AccountName'] === undefined && values['BlobEndpoint'] === undefined) {
    throw bad('the connection string names neither AccountName nor BlobEndpoint', 'copy the whole string from the portal');
  }
  return values;
}

function providerEndpoint(account: string | undefined, given: Environment): string | undefined {
  if (account === undefined) return undefined;
  if (!/^[a-z0-9]{3,24}$/.test(account)) throw bad('the account has no legal name', 'account names have 3 to 24 characters of a-z and 0-9');
  return `${given['DefaultEndpointsProtocol'] ?? 'https'}://${account}.blob.${given['EndpointSuffix'] ?? 'core.windows.net'}`;
}

function valueOf(environment: Environment, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

function bad(what: string, advice: string): HoldfastError {
  return new HoldfastError('BadInput', `Azure location: ${what}`, { advice });
}
