import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { HoldfastError } from '../../contracts/failures.ts';
import { loadClusterAccess } from '../../kubernetes/kube-config.ts';

interface Part {
  readonly name?: string;
  readonly user?: object;
  readonly cluster?: object;
  readonly current?: string;
}

/** A kubeconfig with one context, cluster and user of the same name. */
export function kubeconfig({ name = 'one', user = { token: 'abc' }, cluster = {}, current = name }: Part = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: [{ name, cluster: { server: `https://${name}.example.com:6443/`, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `${name}-ns` } }],
  });
}

/** A temporary folder and what tests put into it. */
export interface Folder {
  readonly path: string;
  readonly file: (text: string, name?: string, mode?: number) => Promise<string>;
  readonly remove: () => Promise<void>;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-test-')));
  return {
    path,
    file: async (text, name = 'config', mode = 0o600) => {
      await writeFile(join(path, name), text);
      await chmod(join(path, name), mode);
      return join(path, name);
    },
    remove: () => rm(path, { recursive: true }),
  };
}

export const load = (file = '', context = '') => loadClusterAccess({ kubeconfig: file, context });

/** The failure of what must fail, with its whole chain of causes as text: all that could get into a log. */
export async function failureOf(work: Promise<unknown>): Promise<{ type: string; message: string; advice: string; everything: string }> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HoldfastError)) throw new Error(`expected a HoldfastError, not ${String(error)}`);
  let everything = '';
  for (let link = error as Error | undefined; link; link = link.cause as Error | undefined)
    everything += `${link.message}
`;
  return { type: error.type, message: error.message, advice: error.advice, everything };
}
