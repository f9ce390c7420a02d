import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { checkUsable } from './kubeconfig-checks.ts';
import { ANONYMOUS, type Kubeconfig, type KubeconfigCluster, type KubeconfigUser } from './kubeconfig-schema.ts';

/** One context with what it points at. */
export interface KubeconfigContext {
  readonly contextName: string;
  readonly namespace: string;
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
}

/** Kubeconfigs in the order of KUBECONFIG. As in kubectl, of two entries with one name the first wins, and so does the first current context. */
interface KubeconfigSet {
  readonly configs: readonly Kubeconfig[];
  /** For messages: the files. */
  readonly where: string;
}

/**
 * Picks the context that was asked for, or with '' the current one. `NotFound` when there is none, `BadInput` when it points at nothing or at
 * something that cannot be used.
 */
export function pickContext({ configs, where }: KubeconfigSet, asked: string): KubeconfigContext {
  const contextName = asked || currentContext(configs);
  const contexts = configs.flatMap((config) => config.contexts);
  const context = contexts.find(({ name }) => name === contextName)?.context;
  if (!context) {
    const complaint = contextName === '' ? `${where} has no current context` : `there is no context "${contextName}" in ${where}`;
    const known = [...new Set(contexts.map(({ name }) => name))].join(', ') || 'none';
    throw new HoldfastError(FailureType.NotFound, complaint, { advice: `choose one with --context (known: ${known})` });
  }
  const dangling = (what: string) => {
    const complaint = `context "${contextName}" in ${where} names the ${what}, which is not there`;
    return new HoldfastError(FailureType.BadInput, complaint, { advice: 'correct the kubeconfig' });
  };
  const cluster = configs.flatMap((config) => config.clusters).find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster) throw dangling(`cluster "${context.cluster}"`);
  const named = configs.flatMap((config) => config.users).find(({ name }) => name === context.user)?.user;
  if (!named && context.user !== '') throw dangling(`user "${context.user}"`);
  const user = named ?? ANONYMOUS;
  checkUsable(contextName, cluster, user);
  return { contextName, namespace: context.namespace, cluster: { ...cluster, server: cluster.server.replace(/\/+$/, '') }, user };
}

function currentContext(configs: readonly Kubeconfig[]): string {
  return configs.map((config) => config['current-context']).find((name) => name !== '') ?? '';
}
