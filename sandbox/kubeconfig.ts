import { readFile, rename, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';

export interface KubeconfigContent {
  readonly context: string;
  readonly server: string;
  readonly user: string;
  /** Files, PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** Folder of the cluster's `hostPath` volumes, which Holdfast may read and write; absent: none. */
  readonly localVolumes?: string;
}

/** Writes a kubeconfig with one context and everything inside, readable by its owner only. Whoever reads it sees the old or the new one whole. */
export async function writeKubeconfig(file: string, content: KubeconfigContent): Promise<void> {
  const { context, server, user, localVolumes } = content;
  const base64 = async (path: string) => (await readFile(path)).toString('base64');
  const cluster = {
    server,
    'certificate-authority-data': await base64(content.authority),
    ...(localVolumes === undefined ? {} : { extensions: [{ name: 'holdfast.dev/local-volumes', extension: { folder: localVolumes } }] }),
  };
  const credential = { 'client-certificate-data': await base64(content.certificate), 'client-key-data': await base64(content.key) };
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [{ name: context, cluster }],
    users: [{ name: user, user: credential }],
    contexts: [{ name: context, context: { cluster: context, user } }],
  });
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
