import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resolveTools } from '../../sandbox/resolve-tools.ts';

/** How to reach the etcd of a sandbox, or of an opened snapshot, as the flags of etcdctl want it. */
export async function etcdAccess(sandboxFolder: string) {
  const { etcd } = JSON.parse(await readFile(join(sandboxFolder, 'ports.json'), 'utf8')) as { readonly etcd: number };
  const key = (name: string): string => join(sandboxFolder, 'keys', name);
  return {
    endpoint: `https://127.0.0.1:${etcd}`,
    caFile: key('etcd-ca.crt'),
    certFile: key('etcd-client.crt'),
    keyFile: key('etcd-client.key'),
  };
}

/** What etcdctl prints; etcd's own program, so that nothing of the product takes part. */
export async function etcdctl(sandboxFolder: string, ...words: readonly string[]): Promise<string> {
  const { endpoint, caFile, certFile, keyFile } = await etcdAccess(sandboxFolder);
  const program = (await resolveTools(['etcdctl'])).get('etcdctl') ?? 'etcdctl';
  const access = [`--endpoints=${endpoint}`, `--cacert=${caFile}`, `--cert=${certFile}`, `--key=${keyFile}`];
  return (await promisify(execFile)(program, [...access, ...words], { maxBuffer: 50_000_000 })).stdout;
}

export interface SavedSnapshot {
  readonly file: string;
  readonly sha256: string;
  readonly content: () => AsyncIterable<Buffer>;
}

/** A snapshot of the sandbox's etcd in a file. */
export async function saveSnapshot(sandboxFolder: string, file: string): Promise<SavedSnapshot> {
  await etcdctl(sandboxFolder, 'snapshot', 'save', file);
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return { file, sha256, content: () => createReadStream(file) as AsyncIterable<Buffer> };
}
