import { isAbsolute } from 'node:path';
import type { ClusterAccess, Credentials } from './cluster-access.ts';
import { credentialsOf, type DatedCredentials } from './credentials.ts';
import { pickContext, type KubeconfigContext } from './kubeconfig-context.ts';
import { readKubeconfig } from './kubeconfig-document.ts';
import { findKubeconfig } from './kubeconfig-files.ts';
import { SERVICE_ACCOUNT_FOLDER, serviceAccountKubeconfig } from './service-account.ts';

/** Name of the extension; its object has `folder`. */
const LOCAL_VOLUMES = 'holdfast.dev/local-volumes';

/** Which cluster, as whom. */
export interface AccessOptions {
  /** Path, or '' for KUBECONFIG, the default file or the pod's own credentials. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
}

/** Long enough to cost nothing, short enough to follow a rotated file or an expired token before the server minds. */
const CREDENTIALS_TTL_MS = 30_000;

/**
 * Reads a kubeconfig (or a pod's own files) and gives access to the API server of one context: client certificates, tokens, token files,
 * exec plugins, OIDC, basic authentication, impersonation. `NotFound` for a missing file or context, `BadInput` for a malformed file.
 */
export async function loadClusterAccess(options: AccessOptions): Promise<ClusterAccess> {
  const context = await loadContext(options);
  let read: (() => Promise<DatedCredentials>) | undefined = credentialsOf(context);
  let cached: CachedCredentials | undefined;

  const readAgain = async (): Promise<DatedCredentials> => {
    read ??= credentialsOf(await loadContext(options));
    return read();
  };
  const credentials = (): Promise<Credentials> => {
    if (!cached || performance.now() >= cached.until) cached = cache(readAgain());
    return cached.credentials;
  };
  const refresh = (): void => {
    cached = undefined;
    read = undefined;
  };
  const { contextName, namespace, cluster } = context;
  return {
    contextName,
    server: cluster.server,
    namespace,
    proxyUrl: cluster['proxy-url'],
    localVolumes: localVolumes(cluster),
    credentials,
    refresh,
  };
}

async function loadContext(options: AccessOptions): Promise<KubeconfigContext> {
  const source = findKubeconfig(options.kubeconfig, process.env);
  if (source === 'in-cluster') {
    const config = await serviceAccountKubeconfig(process.env, SERVICE_ACCOUNT_FOLDER);
    return pickContext({ configs: [config], where: "the pod's service account" }, options.context);
  }
  const configs = await Promise.all(source.files.map(readKubeconfig));
  return pickContext({ configs, where: source.files.join(', ') }, options.context);
}

/**
 * The folder that whoever wrote the kubeconfig gives free, as an extension of the cluster: a sandbox without nodes keeps its volumes there. What is no absolute
 * path is none.
 */
function localVolumes({ extensions }: KubeconfigContext['cluster']): string {
  const { extension } = extensions.find(({ name }) => name === LOCAL_VOLUMES) ?? {};
  const folder = typeof extension === 'object' && extension !== null && 'folder' in extension ? extension.folder : undefined;
  return typeof folder === 'string' && isAbsolute(folder) ? folder : '';
}

interface CachedCredentials {
  readonly credentials: Promise<Credentials>;
  /** By the clock of `performance`. */
  until: number;
}

/** Those who ask meanwhile share the answer; a failure is not kept. */
function cache(reading: Promise<DatedCredentials>): CachedCredentials {
  const entry = { credentials: reading.then(({ credentials }) => credentials), until: Infinity };
  reading.then(
    ({ expiresAt }) => (entry.until = performance.now() + Math.min(CREDENTIALS_TTL_MS, expiresAt - Date.now())),
    () => (entry.until = 0),
  );
  return entry;
}
