import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from './scripted-server.ts';
import { selfSigned } from './self-signed.ts';

interface TokenRequest {
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
}

/** An OpenID Connect provider whose refresh tokens can be used once: `refresh-0`, then `refresh-1`, ... */
export interface IdentityProvider {
  readonly issuer: string;
  /** PEM. */
  readonly certificate: string;
  readonly requests: readonly TokenRequest[];
  /** Of the id-tokens to come, in seconds. */
  lifetime: number;
  /** Fields of the discovery document that differ. */
  discovery: object;
  /** Answers in place of the token endpoint. */
  answer: ((response: ServerResponse) => void) | undefined;
  stop(): Promise<void>;
}

/** A JWT with a signature that nobody checks: TLS says whose it is. */
export function idToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

/** A token that ends in so many seconds. */
export function tokenEndingIn(seconds: number, claims: object = {}): string {
  return idToken({ exp: Math.floor(Date.now() / 1_000) + seconds, ...claims });
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { certificate, key } = selfSigned();
  const requests: TokenRequest[] = [];
  const server: Server = createServer({ cert: certificate, key }, (request, response) => {
    if (request.url === '/realm/.well-known/openid-configuration') {
      json(response, 200, { issuer: provider.issuer, token_endpoint: `${provider.issuer}/token`, ...provider.discovery });
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push({ headers: request.headers, form: new URLSearchParams(body) });
      if (provider.answer) provider.answer(response);
      else grant(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const provider: IdentityProvider = {
    issuer: `https://127.0.0.1:${(server.address() as AddressInfo).port}/realm`,
    certificate,
    requests,
    lifetime: 3_600,
    discovery: {},
    answer: undefined,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const grant = (response: ServerResponse) => {
    const count = requests.length;
    if (requests.at(-1)?.form.get('refresh_token') !== `refresh-${count - 1}`) {
      json(response, 400, { error: 'invalid_grant' });
      return;
    }
    const iat = Math.floor(Date.now() / 1_000);
    const claims = { iss: provider.issuer, aud: 'client', sub: 'me', iat, exp: iat + provider.lifetime, n: count };
    json(response, 200, { access_token: 'a', token_type: 'Bearer', id_token: idToken(claims), refresh_token: `refresh-${count}` });
  };
  return provider;
}
