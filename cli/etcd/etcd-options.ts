import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { EtcdAccess } from '../../contracts/etcd.ts';

/** How an etcd is reached: etcdctl's flags, with its environment variables for defaults. */
export interface EtcdOptions {
  readonly endpoints?: readonly string[];
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

export function withEtcd(command: Command): Command {
  return command
    .addOption(
      new Option('--endpoints <urls>', 'members of etcd, comma-separated (default: the configuration of the cluster)')
        .env('ETCDCTL_ENDPOINTS')
        .argParser(endpointList),
    )
    .addOption(new Option('--cacert <file>', 'authority of the certificates of etcd').env('ETCDCTL_CACERT'))
    .addOption(new Option('--cert <file>', 'client certificate').env('ETCDCTL_CERT'))
    .addOption(new Option('--key <file>', 'its key').env('ETCDCTL_KEY'));
}

/** What the worker is told; undefined without endpoints: then its configuration says how. */
export function etcdAccessOf({ endpoints, cacert, cert, key }: EtcdOptions): EtcdAccess | undefined {
  if (endpoints === undefined) return undefined;
  const scheme = cacert === undefined && cert === undefined ? 'http' : 'https';
  return {
    endpoints: endpoints.map((endpoint) => (endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`)),
    ...(cacert === undefined ? {} : { caFile: resolve(cacert) }),
    ...(cert === undefined ? {} : { certFile: resolve(cert) }),
    ...(key === undefined ? {} : { keyFile: resolve(key) }),
  };
}

function endpointList(value: string): readonly string[] {
  const endpoints = value
    .split(',')
    .map((endpoint) => endpoint.trim().replace(/\/$/, ''))
    .filter((endpoint) => endpoint !== '');
  const bad = endpoints.find((endpoint) => !/^(https?:\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:@[\]]+):\d{1,5}$/.test(endpoint));
  if (bad !== undefined) throw new InvalidArgumentError(`"${bad}" is no endpoint: write https://host:2379`);
  if (endpoints.length === 0) throw new InvalidArgumentError('name one endpoint at least');
  return endpoints;
}
