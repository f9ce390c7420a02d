import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { kubeconfigSchema, type Kubeconfig } from './kubeconfig-schema.ts';

/** Where Kubernetes puts a pod's own credentials. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The pod's own credentials, as a kubeconfig of one context. */
export async function serviceAccountKubeconfig(environment: NodeJS.ProcessEnv, folder: string): Promise<Kubeconfig> {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${environment['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
  const namespace = await readFile(join(folder, 'namespace'), 'utf8').catch(() => '');
  return kubeconfigSchema.parse({
    'current-context': 'inClusterContext',
    clusters: [{ name: 'inCluster', cluster: { server, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [{ name: 'inClusterUser', user: { tokenFile: join(folder, 'token') } }],
    contexts: [{ name: 'inClusterContext', context: { cluster: 'inCluster', user: 'inClusterUser', namespace: namespace.trim() } }],
  });
}
