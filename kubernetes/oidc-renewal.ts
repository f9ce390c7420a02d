import * as client from 'openid-client';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { readDataOrFile } from './certificates.ts';
import { openConnections } from './connections.ts';
import { exchange, LostAnswer } from './exchange.ts';
import { isCertificateError } from './failures.ts';
import { proxyFor } from './proxy.ts';

/** `auth-provider.config` of a kubeconfig: `id-token`, `refresh-token`, `idp-issuer-url`, `client-id` and so on. */
export type OidcConfig = Readonly<Record<string, string>>;

interface RenewedTokens {
  readonly idToken: string;
  /** The one to use next: the old one, unless the provider has replaced it. */
  readonly refreshToken: string;
}

/** For one request. */
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Asks the identity provider for a new id-token, by OpenID Connect discovery and the refresh token grant. Rejects with `Unavailable` when it
 * cannot be reached.
 */
export async function renewIdToken(config: OidcConfig, refreshToken: string): Promise<RenewedTokens> {
  const missing = ['idp-issuer-url', 'client-id', 'refresh-token'].filter((name) => (config[name] ?? '') === '');
  if (missing.length > 0) throw new Error(`the id-token has expired, and to renew it the kubeconfig lacks ${missing.join(', ')}`);
  const issuer = config['idp-issuer-url'] ?? '';
  if (!URL.canParse(issuer)) throw new Error('the idp-issuer-url is not an address');
  const ca = await readDataOrFile(config['idp-certificate-authority-data'] ?? '', config['idp-certificate-authority'] ?? '');
  try {
    const provider = await client.discovery(new URL(issuer), config['client-id'] ?? '', undefined, clientAuth(config), {
      [client.customFetch]: (url, request) => fetchOnce(new URL(url), request, ca),
    });
    const tokens = await client.refreshTokenGrant(provider, refreshToken);
    if (tokens.id_token === undefined) throw new Error('its answer has no id-token (log in with the scope "openid")');
    return { idToken: tokens.id_token, refreshToken: tokens.refresh_token ?? refreshToken };
  } catch (error) {
    throw providerFailure(issuer, error);
  }
}

/** As in kubectl: the secret in the header, unless the provider takes it in the body only. */
function clientAuth(config: OidcConfig): client.ClientAuth {
  const secret = config['client-secret'] ?? '';
  if (secret === '') return client.None();
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const inBody = methods.includes('client_secret_post') && !methods.includes('client_secret_basic');
    (inBody ? client.ClientSecretPost(secret) : client.ClientSecretBasic(secret))(server, ...rest);
  };
}

async function fetchOnce(url: URL, request: client.CustomFetchOptions, ca: Buffer | undefined): Promise<Response> {
  const dispatcher = openConnections(url, ca ? { ca } : {}, proxyFor(url, '', process.env));
  try {
    const method = request.method === 'POST' ? 'POST' : 'GET';
    const body = request.body instanceof URLSearchParams ? request.body.toString() : undefined;
    const wire = { method, path: url.pathname + url.search, headers: request.headers, body } as const;
    const limits = { timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_ANSWER_BYTES, signal: undefined };
    const answer = await exchange({ dispatcher, origin: url.origin }, wire, limits);
    const type = answer.headers['content-type'];
    return new Response(answer.body.length > 0 ? answer.body.toString('utf8') : null, {
      status: answer.status,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    });
  } finally {
    await dispatcher.destroy();
  }
}

/** openid-client's own words are fixed texts; what it has as their cause may hold tokens, and is not passed on. */
function providerFailure(issuer: string, error: unknown): Error {
  const { host } = new URL(issuer);
  const { cause, message, error: code } = error as { readonly cause?: unknown; readonly message: string; readonly error?: unknown };
  if (cause instanceof LostAnswer) {
    const type = isCertificateError(cause) ? FailureType.Forbidden : FailureType.Unavailable;
    return new HoldfastError(type, `the identity provider ${host} cannot be reached: ${cause.message}`);
  }
  if (cause instanceof Response && !cause.ok) {
    const type = cause.status >= 500 || cause.status === 429 ? FailureType.Unavailable : FailureType.Forbidden;
    return new HoldfastError(type, `the identity provider ${host} answered with status ${cause.status}`);
  }
  const detail = typeof code === 'string' ? code.replace(/[^\w.-]/g, '').slice(0, 60) : cause instanceof Error ? cause.message : message;
  return new Error(`the identity provider ${host} did not renew the id-token: ${detail}`);
}
