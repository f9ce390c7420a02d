import { readFile } from 'node:fs/promises';
import type { KubeconfigCluster } from './kubeconfig-schema.ts';

/** What a kubeconfig holds in base64 or names by its file: the data wins, as in kubectl. Undefined for neither. */
export async function readDataOrFile(data: string, file: string): Promise<Buffer | undefined> {
  if (data !== '') return Buffer.from(data, 'base64');
  return file === '' ? undefined : readFile(file);
}

/** The certificates that the API server's own is checked against, PEM; undefined for those of Node. */
export async function readCertificateAuthority(cluster: KubeconfigCluster): Promise<Buffer | undefined> {
  return readDataOrFile(cluster['certificate-authority-data'], cluster['certificate-authority']);
}
