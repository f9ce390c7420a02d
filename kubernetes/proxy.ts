import { BlockList, isIP } from 'node:net';

/**
 * The proxy for a server, '' for none: the kubeconfig's `proxy-url`, else HTTPS_PROXY or HTTP_PROXY unless NO_PROXY names the server. As in
 * kubectl, loopback is never reached through a proxy from the environment, and NO_PROXY may hold names, domains, addresses and CIDR blocks.
 */
export function proxyFor(server: URL, proxyUrl: string, environment: NodeJS.ProcessEnv): string {
  if (proxyUrl !== '') return proxyUrl;
  const variable = server.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = read(environment, variable);
  if (proxy === '') return '';
  const host = server.hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(host) || isExcluded(host, server.port, read(environment, 'no_proxy'))) return '';
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function read(environment: NodeJS.ProcessEnv, name: string): string {
  return environment[name] ?? environment[name.toUpperCase()] ?? '';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isExcluded(host: string, port: string, list: string): boolean {
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, host.toLowerCase(), port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return inBlock(host, entry);
  const [, name = '', onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (isIP(entry) !== 0) return entry === host;
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return host.endsWith(`.${domain}`) || (host === domain && !name.startsWith('.'));
}

function inBlock(host: string, block: string): boolean {
  const [network = '', bits = ''] = block.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return false;
  const blocks = new BlockList();
  blocks.addSubnet(network, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return blocks.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
