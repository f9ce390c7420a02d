import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The process id of a server that a sandbox folder keeps. */
export async function serverPid(folder: string, server: 'kube-apiserver' | 'temporal'): Promise<number> {
  const record = JSON.parse(await readFile(join(folder, 'run', `${server}.json`), 'utf8')) as { readonly server: { readonly pid: number } };
  return record.server.pid;
}
