import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { apiServer, etcdServer, isApiServerReady } from './control-plane-servers.ts';
import type { ControlPlaneParts } from './control-plane-servers.ts';
import { encryptedText, readKeyNames, withoutKey } from './encryption-configuration.ts';
import { inspectStore } from './inspect-store.ts';
import { isThere, openedFiles, readOpenedStore, writePrivately } from './opened-place.ts';
import type { OpenedStore } from './opened-place.ts';
import type { ServerSpec } from './ready-server.ts';

/** What would call webhooks, or refuse what the API server itself writes when it starts. */
const CALLING_ADMISSION = [
  'MutatingAdmissionWebhook',
  'MutatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
];
/** Ways from an API server to the world: aggregated APIs and webhooks by service, and webhooks by URL. */
const WAYS_OUT = ['cluster', 'controlplane'];

/** The servers of an opened snapshot, each when the one before is ready. The store is looked into before the API server sees it. */
export async function* snapshotServers(parts: ControlPlaneParts): AsyncGenerator<ServerSpec> {
  const files = openedFiles(parts.paths);
  if (!(await isThere(files.data))) {
    throw new HoldfastError(FailureType.NotFound, `the snapshot in sandbox ${parts.paths.name} was never wholly opened`, {
      advice: 'open it again with holdfast etcd open',
    });
  }
  yield etcdServer(parts);
  const store = (await readOpenedStore(parts.paths)) ?? (await lookInto(parts));
  const configuration = await readFile(files.encryption, 'utf8').catch(() => undefined);
  if (configuration !== undefined) refuseMissingKeys(store, configuration);
  await writePrivately(files.egress, closedWaysOut(files.noProxy));
  yield snapshotApiServer(parts, { store, hasKeys: configuration !== undefined });
}

async function lookInto({ paths, keys, ports }: ControlPlaneParts): Promise<OpenedStore> {
  const url = `https://127.0.0.1:${ports.etcd}`;
  const store = await inspectStore({ url, authority: keys.etcdAuthority, ...keys.etcdClient });
  await writePrivately(openedFiles(paths).store, JSON.stringify(store));
  return store;
}

function refuseMissingKeys({ encrypted }: OpenedStore, configuration: string): void {
  const missing = withoutKey(encrypted, readKeyNames(configuration));
  if (missing.length === 0) return;
  throw new HoldfastError(FailureType.BadInput, `the encryption configuration has no key for ${encryptedText(missing)}`, {
    advice: 'give the configuration that the API servers had when the snapshot was taken',
  });
}

/**
 * Nothing that the snapshot names is ever called: no webhook takes part in what the server writes at its start, and every way out leads to a
 * socket that is not there. Old revisions are kept.
 */
function snapshotApiServer(parts: ControlPlaneParts, how: { readonly store: OpenedStore; readonly hasKeys: boolean }): ServerSpec {
  const { store, hasKeys } = how;
  const files = openedFiles(parts.paths);
  const server = apiServer(parts);
  const more = [
    `--etcd-prefix=${store.prefix}`,
    '--etcd-compaction-interval=0',
    `--disable-admission-plugins=${CALLING_ADMISSION.join(',')}`,
    `--egress-selector-config-file=${files.egress}`,
  ];
  if (hasKeys) return { ...server, arguments: [...server.arguments, ...more, `--encryption-provider-config=${files.encryption}`] };
  if (store.encrypted.length === 0) return { ...server, arguments: [...server.arguments, ...more] };
  // The server watches Secrets for itself, and is never in step with those that it cannot read. Without a cache of them whoever asks is told why.
  const uncached = [...new Set(store.encrypted.map(({ resource }) => `${resource}#0`))];
  return {
    ...server,
    arguments: [...server.arguments, ...more, `--watch-cache-sizes=${uncached.join(',')}`],
    isReady: () => isApiServerReady(parts, '?exclude=informer-sync'),
  };
}

function closedWaysOut(socket: string): string {
  return stringify({
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: WAYS_OUT.map((name) => ({
      name,
      connection: { proxyProtocol: 'HTTPConnect', transport: { uds: { udsName: socket } } },
    })),
  });
}
