import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { parse } from 'yaml';

interface KubeconfigFile {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
}

interface Answer {
  readonly status: number;
  /** The JSON answered; empty when it was something else. */
  readonly body: Record<string, unknown>;
}

/** One request to an API server as the user of a kubeconfig that a sandbox wrote: no client library, no retries. */
export async function kubeconfigRequest(
  kubeconfig: string,
  call: { method?: string; path: string; body?: unknown; anonymous?: boolean },
): Promise<Answer> {
  const { clusters, users } = parse(await readFile(kubeconfig, 'utf8')) as KubeconfigFile;
  const [{ cluster }, { user }] = [clusters[0]!, users[0]!];
  const decode = (encoded: string) => Buffer.from(encoded, 'base64');
  const credential = { cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']) };
  const options = {
    method: call.method ?? 'GET',
    ca: decode(cluster['certificate-authority-data']),
    agent: false as const,
    headers: { 'content-type': 'application/json' },
    ...(call.anonymous === true ? {} : credential),
  };
  const sent = request(new URL(call.path, cluster.server), options);
  sent.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  const isJson = response.headers['content-type']?.startsWith('application/json') === true;
  return { status: response.statusCode ?? 0, body: isJson ? (JSON.parse(answer) as Record<string, unknown>) : {} };
}
