import { headerProof, type Authenticator } from './authenticator.ts';
import type { OidcConfig } from './oidc-renewal.ts';

/** A token is renewed this long before it ends, so that it does not end on its way. As in kubectl. */
const MARGIN_MS = 10_000;

/**
 * The id-token of a kubeconfig's `auth-provider: oidc`, renewed with the refresh token when it has expired. Rejects with `Unavailable` when the
 * identity provider cannot be reached.
 */
export function oidcToken(config: OidcConfig): Authenticator {
  return async () => {
    const inFile = config['id-token'] ?? '';
    const token = isValid(inFile) ? inFile : await loginOf(config).idToken(config);
    return headerProof(`Bearer ${token}`, expiryOf(token) - MARGIN_MS);
  };
}

/**
 * Identity providers may replace the refresh token at each use and revoke a login whose old one comes back. So what was renewed outlives the
 * reading of the kubeconfig, is shared by the whole process, and one renewal is under way at a time.
 */
const logins = new Map<string, OidcLogin>();

function loginOf(config: OidcConfig): OidcLogin {
  const key = JSON.stringify([config['idp-issuer-url'], config['client-id'], config['refresh-token']]);
  const known = logins.get(key);
  if (known) return known;
  const login = new OidcLogin(config['refresh-token'] ?? '');
  logins.set(key, login);
  return login;
}

class OidcLogin {
  #refreshToken: string;
  #idToken = '';
  #renewal: Promise<void> | undefined;

  constructor(refreshToken: string) {
    this.#refreshToken = refreshToken;
  }

  async idToken(config: OidcConfig): Promise<string> {
    if (isValid(this.#idToken)) return this.#idToken;
    this.#renewal ??= this.#renew(config).finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
    return this.#idToken;
  }

  async #renew(config: OidcConfig): Promise<void> {
    // It brings an HTTP client and openid-client with it, which most users never need.
    const { renewIdToken } = await import('./oidc-renewal.ts');
    const { idToken, refreshToken } = await renewIdToken(config, this.#refreshToken);
    this.#idToken = idToken;
    this.#refreshToken = refreshToken;
  }
}

function isValid(token: string): boolean {
  return Date.now() < expiryOf(token) - MARGIN_MS;
}

/** Milliseconds since 1970; 0 when the token does not say. */
function expiryOf(token: string): number {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { readonly exp?: unknown };
    return typeof exp === 'number' ? exp * 1_000 : 0;
  } catch {
    return 0;
  }
}
