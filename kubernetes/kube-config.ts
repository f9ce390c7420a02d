import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, isAbsolute, resolve } from 'node:path';
import type * as ClientNode from '@kubernetes/client-node';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ClusterAccess, Credentials, TlsOptions } from './cluster-access.ts';
import { findKubeconfig } from './kubeconfig-files.ts';

/** Which cluster, as whom. */
export interface AccessOptions {
  /** Path, or '' for KUBECONFIG, the default file or the pod's own credentials. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
}

/** One context of a kubeconfig, read. */
interface LoadedContext {
  readonly contextName: string;
  readonly server: string;
  readonly namespace: string;
  readonly proxyUrl: string;
  /** Holds this context's cluster and user only. */
  readonly config: ClientNode.KubeConfig;
  /** File with a bearer token, '' for none. It is ours: client-node neither knows the kubeconfig's `tokenFile` nor trims the token. */
  readonly tokenFile: string;
}

/** A user as the file has it: what client-node does not keep. */
interface RawUser {
  readonly name?: unknown;
  readonly user?: { readonly tokenFile?: unknown; readonly 'as-groups'?: unknown } | null;
}

/** Long enough to cost nothing, short enough to follow a rotated file or an expired token before the server minds. */
const CREDENTIALS_TTL_MS = 30_000;
const PLUGIN_TIMEOUT_MS = 60_000;

/**
 * Reads a kubeconfig (or a pod's own files) and gives access to the API server of one context: client certificates, tokens, token files,
 * exec plugins, OIDC, basic authentication, impersonation. `NotFound` for a missing file or context, `BadInput` for a malformed file.
 */
export async function loadClusterAccess(options: AccessOptions): Promise<ClusterAccess> {
  let loaded = Promise.resolve(await loadContext(options));
  const { contextName, server, namespace, proxyUrl } = await loaded;
  let cached: Promise<Credentials> | undefined;
  let expiresAt = 0;

  const credentials = (): Promise<Credentials> => {
    if (cached && performance.now() < expiresAt) return cached;
    const fresh = loaded.then(readCredentials);
    fresh.catch(() => (cached = undefined));
    cached = fresh;
    expiresAt = performance.now() + CREDENTIALS_TTL_MS;
    return fresh;
  };
  const refresh = (): void => {
    cached = undefined;
    // A new KubeConfig has empty token caches. A failure is met by whoever asks for credentials.
    loaded = loadContext(options);
    loaded.catch(() => undefined);
  };
  return { contextName, server, namespace, proxyUrl, credentials, refresh };
}

async function loadContext(options: AccessOptions): Promise<LoadedContext> {
  const source = findKubeconfig(options.kubeconfig, process.env);
  // It takes half a second to load; commands that need no cluster do not pay for it.
  const clientNode = await import('@kubernetes/client-node');
  const merged = new clientNode.KubeConfig();
  const rawUsers = new Map<string, RawUser>();
  let where = "the pod's service account";
  if (source === 'in-cluster') merged.loadFromCluster();
  else {
    for (const file of source.files) await mergeFile(clientNode, { merged, rawUsers }, file);
    where = source.files.join(', ');
  }
  return pickContext(clientNode, { merged, rawUsers, where }, options.context);
}

type Merge = { readonly merged: ClientNode.KubeConfig; readonly rawUsers: Map<string, RawUser> };

/** As kubectl merges: of two entries with one name the first wins, and so does the first current context. */
async function mergeFile(clientNode: typeof ClientNode, { merged, rawUsers }: Merge, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new HoldfastError(FailureType.Forbidden, `the kubeconfig ${file} cannot be read`, {
      advice: 'check its permissions',
      cause: error,
    });
  });
  const one = new clientNode.KubeConfig();
  try {
    one.loadFromString(text);
    one.makePathsAbsolute(dirname(file));
    for (const user of clientNode.loadYaml<{ readonly users?: readonly RawUser[] }>(text).users ?? []) {
      if (typeof user.name === 'string' && !rawUsers.has(user.name)) rawUsers.set(user.name, absoluteTokenFile(user, file));
    }
  } catch (error) {
    throw malformed(file, error);
  }
  addNew(merged, one, file);
}

function addNew(merged: ClientNode.KubeConfig, one: ClientNode.KubeConfig, file: string): void {
  for (const cluster of one.clusters) if (!merged.getCluster(cluster.name)) merged.addCluster(cluster);
  for (const user of one.users) if (!merged.getUser(user.name)) merged.addUser(absoluteCommand(user, file));
  for (const context of one.contexts) if (!merged.getContextObject(context.name)) merged.addContext(context);
  merged.currentContext ||= one.currentContext;
}

/** The parser's own message may quote the file, and with it a secret: only the line number is taken from it. */
function malformed(file: string, error: unknown): HoldfastError {
  const line = (error as { readonly mark?: { readonly line?: unknown } }).mark?.line;
  const missing = error instanceof Error ? /^\w+\[\d+\]\.[\w.]+ is missing$/.exec(error.message)?.[0] : undefined;
  const detail = typeof line === 'number' ? `line ${line + 1} is not valid YAML` : (missing ?? 'it is not a kubeconfig');
  return new HoldfastError(FailureType.BadInput, `the kubeconfig ${file} is malformed: ${detail}`, { advice: 'see `kubectl config view`' });
}

function absoluteTokenFile(user: RawUser, file: string): RawUser {
  const tokenFile = user.user?.tokenFile;
  return typeof tokenFile === 'string' ? { ...user, user: { ...user.user, tokenFile: resolve(dirname(file), tokenFile) } } : user;
}

/** A plugin's relative path counts from the kubeconfig's folder; a bare name is looked up in PATH. */
function absoluteCommand(user: ClientNode.User, file: string): ClientNode.User {
  const exec = user.exec as { readonly command?: unknown } | null | undefined;
  if (typeof exec?.command !== 'string' || !exec.command.includes('/') || isAbsolute(exec.command)) return user;
  return { ...user, exec: { ...exec, command: resolve(dirname(file), exec.command) } };
}

function pickContext(clientNode: typeof ClientNode, from: Merge & { readonly where: string }, asked: string): LoadedContext {
  const { merged, rawUsers, where } = from;
  const contextName = asked || merged.currentContext || '';
  const context = merged.getContextObject(contextName);
  if (!context) {
    const complaint = contextName === '' ? `${where} has no current context` : `there is no context "${contextName}" in ${where}`;
    const known = merged.contexts.map(({ name }) => name).join(', ') || 'none';
    throw new HoldfastError(FailureType.NotFound, complaint, { advice: `choose one with --context (known: ${known})` });
  }
  const dangling = (what: string) => {
    const complaint = `context "${contextName}" in ${where} names the ${what}, which is not there`;
    return new HoldfastError(FailureType.BadInput, complaint, { advice: 'correct the kubeconfig' });
  };
  const cluster = merged.getCluster(context.cluster);
  if (!cluster) throw dangling(`cluster "${context.cluster}"`);
  checkServer(cluster.server, contextName);
  const user = context.user ? merged.getUser(context.user) : { name: 'anonymous' };
  if (!user) throw dangling(`user "${context.user}"`);
  const config = new clientNode.KubeConfig();
  // Without TLS there is no certificate to verify, and client-node wants to hear that. The proxy is connections.ts's business.
  const { proxyUrl = '', ...direct } = cluster;
  const skipTLSVerify = cluster.skipTLSVerify || cluster.server.startsWith('http:');
  config.loadFromClusterAndUser({ ...direct, skipTLSVerify }, withExecInfo(user, cluster));
  const tokenFile = tokenFileOf(user, rawUsers.get(user.name));
  return { contextName, server: cluster.server, namespace: context.namespace ?? '', proxyUrl, config, tokenFile };
}

function tokenFileOf(user: ClientNode.User, raw: RawUser | undefined): string {
  if (raw?.user?.['as-groups'] !== undefined) {
    throw new HoldfastError(FailureType.BadInput, `user "${user.name}" impersonates groups (as-groups), which is not supported`);
  }
  // loadFromCluster() puts the path of the pod's token here.
  const provider = user.authProvider as { readonly config?: { readonly tokenFile?: unknown } } | null | undefined;
  const tokenFile = raw?.user?.tokenFile ?? provider?.config?.tokenFile;
  return typeof tokenFile === 'string' ? tokenFile : '';
}

function checkServer(server: string, contextName: string): void {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return;
  throw new HoldfastError(FailureType.BadInput, `context "${contextName}": the server is not an http or https address`, {
    advice: 'correct the kubeconfig',
  });
}

/** Plugins of client.authentication.k8s.io/v1 require KUBERNETES_EXEC_INFO, which client-node does not set. */
function withExecInfo(user: ClientNode.User, cluster: ClientNode.Cluster): ClientNode.User {
  const exec = user.exec as { apiVersion?: unknown; provideClusterInfo?: unknown; env?: readonly unknown[] | null } | null | undefined;
  if (!exec) return user;
  const details = {
    server: cluster.server,
    'tls-server-name': cluster.tlsServerName,
    'insecure-skip-tls-verify': cluster.skipTLSVerify,
    'certificate-authority-data': cluster.caData,
    'proxy-url': cluster.proxyUrl,
  };
  const spec = { interactive: false, ...(exec.provideClusterInfo === true ? { cluster: details } : {}) };
  const value = JSON.stringify({ kind: 'ExecCredential', apiVersion: exec.apiVersion, spec });
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value }] } };
}

async function readCredentials({ contextName, config, tokenFile }: LoadedContext): Promise<Credentials> {
  const options: RequestOptions = { headers: {} };
  const user = config.getCurrentUser();
  try {
    await within(PLUGIN_TIMEOUT_MS, config.applyToHTTPSOptions(options));
    const headers = options.headers as Record<string, string>;
    if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    if (tokenFile !== '') headers['Authorization'] = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
    return { headers, tls: tlsOf(options) };
  } catch (error) {
    const plugin = (user?.exec as { readonly command?: unknown } | null | undefined)?.command;
    const detail = error instanceof Error ? (error.message.trim().split('\n', 1)[0] ?? '').slice(0, 200) : '';
    const source = typeof plugin === 'string' ? `the credential plugin ${plugin} failed` : 'the credentials cannot be read';
    throw new HoldfastError(FailureType.Forbidden, `context "${contextName}": ${source}: ${detail}`, {
      advice: 'log in again or correct the kubeconfig',
      cause: error,
    });
  }
}

function tlsOf(options: RequestOptions): TlsOptions {
  const { ca, cert, key, servername, rejectUnauthorized } = options as TlsOptions;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds / 1_000} s`));
    }, milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
