import { Pool, ProxyAgent, Socks5ProxyAgent, type Dispatcher } from 'undici';
import type { TlsOptions } from './cluster-access.ts';

/** Shorter than the API server's 90 s and than the idle timeouts of load balancers, so that a request seldom meets a closing connection. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The connections to one API server, kept alive. HTTP/1.1, because one HTTP/2 connection is one TCP stream through one server process, and
 * adaptive-limit.ts already decides how many requests are under way; hence no limit here.
 */
export function openConnections(server: URL, tls: TlsOptions, proxy: string): Dispatcher {
  const common = { allowH2: false, keepAliveTimeout: KEEP_ALIVE_MS, pipelining: 1 };
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  if (proxy.startsWith('socks')) return new Socks5ProxyAgent(proxy, { ...common, requestTls: tls });
  if (proxy !== '') return new ProxyAgent({ ...common, uri: proxy, requestTls: connect });
  return new Pool(server.origin, { ...common, connect });
}

/** Whether connections that were made with one can serve where the other is wanted. */
export function sameTls(left: TlsOptions, right: TlsOptions): boolean {
  const text = (value: Buffer | string | undefined): string => value?.toString('latin1') ?? '';
  return (
    text(left.ca) === text(right.ca) &&
    text(left.cert) === text(right.cert) &&
    text(left.key) === text(right.key) &&
    left.servername === right.servername &&
    left.rejectUnauthorized === right.rejectUnauthorized
  );
}
