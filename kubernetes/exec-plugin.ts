import { z } from 'zod';
import type { Authenticator, Proof } from './authenticator.ts';
import { readCertificateAuthority } from './certificates.ts';
import type { ExecConfig, KubeconfigCluster } from './kubeconfig-schema.ts';
import { runPlugin } from './plugin-process.ts';

const TIMEOUT_MS = 60_000;
/** The cluster's extension that is meant for the plugin. */
const PLUGIN_EXTENSION = 'client.authentication.k8s.io/exec';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const execCredential = z.object({
  apiVersion: z.string(),
  kind: z.literal('ExecCredential'),
  status: z.object({ token: text, clientCertificateData: text, clientKeyData: text, expirationTimestamp: text }),
});

/**
 * Credentials from a plugin of client.authentication.k8s.io, v1 or v1beta1 (`exec` in a kubeconfig). What it answers is kept until it expires,
 * as long as this authenticator lives.
 */
export function execPlugin(exec: ExecConfig, cluster: KubeconfigCluster, timeoutMs = TIMEOUT_MS): Authenticator {
  let kept: Proof | undefined;
  return async () => {
    if (kept && Date.now() < kept.expiresAt) return kept;
    const added = Object.fromEntries(exec.env.map(({ name, value }) => [name, value]));
    const environment = { ...process.env, ...added, KUBERNETES_EXEC_INFO: await execInfo(exec, cluster) };
    kept = readProof(exec.apiVersion, await runPlugin({ ...exec, environment, timeoutMs }));
    return kept;
  };
}

/** The question that the plugin answers: an ExecCredential without a status. */
async function execInfo(exec: ExecConfig, cluster: KubeconfigCluster): Promise<string> {
  const spec = { interactive: false, ...(exec.provideClusterInfo ? { cluster: await clusterInfo(cluster) } : {}) };
  return JSON.stringify({ kind: 'ExecCredential', apiVersion: exec.apiVersion, spec });
}

/** As client-go has it: empty fields are left out, and the authority's file is read. */
async function clusterInfo(cluster: KubeconfigCluster): Promise<object> {
  return {
    server: cluster.server,
    'tls-server-name': cluster['tls-server-name'] || undefined,
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'] || undefined,
    'certificate-authority-data': (await readCertificateAuthority(cluster))?.toString('base64'),
    'proxy-url': cluster['proxy-url'] || undefined,
    'disable-compression': cluster['disable-compression'] || undefined,
    config: cluster.extensions.find(({ name }) => name === PLUGIN_EXTENSION)?.extension,
  };
}

function readProof(apiVersion: string, output: string): Proof {
  const answer = execCredential.safeParse(parseJson(output));
  if (!answer.success) throw new Error('its output is not an ExecCredential with a status');
  if (answer.data.apiVersion !== apiVersion) throw new Error(`its answer is not of ${apiVersion}, which the kubeconfig asks for`);
  const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = answer.data.status;
  if ((certificate === '') !== (key === '')) throw new Error('it returned a certificate without its key, or a key without its certificate');
  if (token === '' && certificate === '') throw new Error('it returned neither a token nor a certificate');
  const expiresAt = expirationTimestamp === '' ? Infinity : Date.parse(expirationTimestamp);
  if (Number.isNaN(expiresAt)) throw new Error('the expirationTimestamp of its answer is not a time');
  return { authorization: token === '' ? '' : `Bearer ${token}`, certificate, key, expiresAt };
}

function parseJson(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}
