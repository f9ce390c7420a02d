import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { KubeconfigCluster, KubeconfigUser } from './kubeconfig-schema.ts';

/** Throws `BadInput` for a cluster or user that is well-formed and yet cannot be used: what kubectl refuses too, and what needs a terminal. */
export function checkUsable(contextName: string, cluster: KubeconfigCluster, user: KubeconfigUser): void {
  const problem = clusterProblem(cluster) ?? userProblem(user) ?? execProblem(user) ?? providerProblem(user);
  if (problem) throw new HoldfastError(FailureType.BadInput, `context "${contextName}": ${problem.what}`, { advice: problem.advice });
}

interface Problem {
  readonly what: string;
  readonly advice: string;
}

function wrong(what: string, advice = 'correct the kubeconfig'): Problem {
  return { what, advice };
}

function clusterProblem(cluster: KubeconfigCluster): Problem | undefined {
  const url = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return wrong('the server is not an http or https address');
  // It may hold a password.
  if (cluster['proxy-url'] !== '' && !URL.canParse(cluster['proxy-url'])) return wrong('the proxy-url is not an address');
  const authority = cluster['certificate-authority-data'] || cluster['certificate-authority'];
  if (cluster['insecure-skip-tls-verify'] && authority !== '') {
    return wrong('the cluster has both insecure-skip-tls-verify and a certificate-authority', 'remove one of the two from the kubeconfig');
  }
  return undefined;
}

function userProblem(user: KubeconfigUser): Problem | undefined {
  const has = (name: 'client-certificate' | 'client-key') => user[name] !== '' || user[`${name}-data`] !== '';
  if (has('client-certificate') && !has('client-key')) return wrong('the user has a client-certificate without a client-key');
  if ((user.token || user.tokenFile) && (user.username || user.password)) {
    return wrong('the user has both a token and a password', 'remove one of the two from the kubeconfig');
  }
  const more = (['as-uid', 'as-groups', 'as-user-extra'] as const).find((name) => Object.keys(user[name]).length > 0);
  if (more && user.as === '') return wrong(`the user has ${more} without as`, 'name the user to impersonate in the kubeconfig');
  return user.exec && user['auth-provider'] ? wrong('the user has both exec and an auth-provider') : undefined;
}

const EXEC_VERSIONS: readonly string[] = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

function execProblem({ exec }: KubeconfigUser): Problem | undefined {
  if (!exec) return undefined;
  if (exec.command === '') return wrong('the user has an exec plugin without a command');
  const plugin = `the credential plugin ${exec.command}`;
  if (!EXEC_VERSIONS.includes(exec.apiVersion)) return wrong(`${plugin} has an apiVersion other than ${EXEC_VERSIONS.join(' and ')}`);
  if (exec.interactiveMode === 'Always') {
    return wrong(
      `${plugin} wants to ask the user (interactiveMode: Always), and a worker has no terminal`,
      'use a login that needs no answers',
    );
  }
  return ['', 'Never', 'IfAvailable'].includes(exec.interactiveMode) ? undefined : wrong(`${plugin} has an unknown interactiveMode`);
}

function providerProblem({ 'auth-provider': provider }: KubeconfigUser): Problem | undefined {
  if (!provider || provider.name === 'oidc') return undefined;
  return wrong(
    `the user has the auth-provider "${provider.name}", which neither Holdfast nor kubectl knows any more`,
    'use an exec plugin',
  );
}
