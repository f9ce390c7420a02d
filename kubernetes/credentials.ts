import { readFile } from 'node:fs/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { headerProof, type Authenticator, type Proof } from './authenticator.ts';
import { readCertificateAuthority, readDataOrFile } from './certificates.ts';
import type { Credentials, TlsOptions } from './cluster-access.ts';
import { execPlugin } from './exec-plugin.ts';
import { impersonationHeaders } from './impersonation.ts';
import type { KubeconfigContext } from './kubeconfig-context.ts';
import type { KubeconfigCluster, KubeconfigUser } from './kubeconfig-schema.ts';
import { oidcToken } from './oidc-token.ts';

/** Credentials and the time, in milliseconds since 1970, from when on they are not accepted; Infinity when that is not known. */
export interface DatedCredentials {
  readonly credentials: Credentials;
  readonly expiresAt: number;
}

/**
 * How a context's credentials are read: each call reads files anew, and asks a plugin or an identity provider anew once their last answer has
 * expired. Rejects with `Forbidden`, or `Unavailable` when trying again may help.
 */
export function credentialsOf({ contextName, cluster, user }: KubeconfigContext): () => Promise<DatedCredentials> {
  const authenticate = authenticatorOf(user, cluster);
  return async () => {
    try {
      const proof = await authenticate();
      const headers = headersOf(user, proof);
      return { credentials: { headers, tls: await tlsOf(cluster, user, proof) }, expiresAt: proof.expiresAt };
    } catch (error) {
      const source = usesPlugin(user) ? `the credential plugin ${user.exec.command} failed` : 'the credentials cannot be read';
      const type = error instanceof HoldfastError ? error.type : FailureType.Forbidden;
      throw new HoldfastError(type, `context "${contextName}": ${source}: ${(error as Error).message}`, {
        advice: 'log in again or correct the kubeconfig',
        cause: error,
      });
    }
  };
}

type PluginUser = KubeconfigUser & { readonly exec: NonNullable<KubeconfigUser['exec']> };

/** As in kubectl, a token or a password in the file leaves the plugin unasked. */
function usesPlugin(user: KubeconfigUser): user is PluginUser {
  return Boolean(user.exec) && !hasToken(user) && !hasPassword(user);
}

function hasToken(user: KubeconfigUser): boolean {
  return user.tokenFile !== '' || user.token !== '';
}

function hasPassword(user: KubeconfigUser): boolean {
  return user.username !== '' || user.password !== '';
}

function authenticatorOf(user: KubeconfigUser, cluster: KubeconfigCluster): Authenticator {
  if (hasToken(user)) return async () => headerProof(`Bearer ${await readToken(user)}`);
  if (hasPassword(user)) {
    const basic = headerProof(`Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`);
    return () => Promise.resolve(basic);
  }
  if (usesPlugin(user)) return execPlugin(user.exec, cluster);
  if (user['auth-provider']) return oidcToken(user['auth-provider'].config);
  return () => Promise.resolve(headerProof(''));
}

/** The file's token is the newer one: the other is what it began with, and serves while the file cannot be read. */
async function readToken({ token, tokenFile }: KubeconfigUser): Promise<string> {
  if (tokenFile === '') return token;
  try {
    const inFile = (await readFile(tokenFile, 'utf8')).trim();
    if (inFile === '') throw new Error(`the token file ${tokenFile} is empty`);
    return inFile;
  } catch (error) {
    if (token === '') throw error;
    return token;
  }
}

function headersOf(user: KubeconfigUser, { authorization }: Proof): Credentials['headers'] {
  const headers = { ...(authorization === '' ? {} : { Authorization: authorization }), ...impersonationHeaders(user) };
  for (const [name, value] of Object.entries(headers)) {
    // The HTTP client would refuse it too, but not say of whom it is.
    if ([value].flat().some((one) => /[^\t\x20-\x7e\x80-\xff]/.test(one)))
      throw new Error(`${name} has a character that no HTTP header can hold`);
  }
  return headers;
}

async function tlsOf(cluster: KubeconfigCluster, user: KubeconfigUser, proof: Proof): Promise<TlsOptions> {
  const ca = await readCertificateAuthority(cluster);
  const cert = (await readDataOrFile(user['client-certificate-data'], user['client-certificate'])) ?? proof.certificate;
  const key = (await readDataOrFile(user['client-key-data'], user['client-key'])) ?? proof.key;
  const servername = cluster['tls-server-name'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === '' ? {} : { cert }),
    ...(key === '' ? {} : { key }),
    ...(servername === '' ? {} : { servername }),
    ...(cluster['insecure-skip-tls-verify'] ? { rejectUnauthorized: false } : {}),
  };
}
