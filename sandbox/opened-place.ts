import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxPaths } from './state-folder.ts';

/** Values of a kind that are encrypted in a snapshot. */
export interface EncryptedKind {
  /** `secrets`, `widgets.example.com`: plural and group. */
  readonly resource: string;
  /** As the API server calls them: `aescbc`, `aesgcm`, `secretbox`, `kms`. */
  readonly provider: string;
  /** Name of the key, or of the kms plugin. */
  readonly key: string;
}

/** What a sandbox that shows an etcd snapshot remembers about it. */
export interface OpenedPlace {
  /** The backup that the snapshot is of, for people. */
  readonly backup: string;
  /** Tells this snapshot from every other. */
  readonly snapshot: string;
}

/** What was found in the store of an opened snapshot when etcd first served it. */
export interface OpenedStore {
  /** Under which the API server finds its objects. */
  readonly prefix: string;
  /** Plural and group of every kind that has keys, as the store calls them: those of Kubernetes' own are without their group, and some have names of old. */
  readonly kinds: readonly string[];
  readonly encrypted: readonly EncryptedKind[];
}

/** Files of a sandbox that shows a snapshot, beside those that every sandbox has. */
export function openedFiles({ folder }: Pick<SandboxPaths, 'folder'>) {
  return {
    place: join(folder, 'opened.json'),
    store: join(folder, 'opened-store.json'),
    /** Lives only while the snapshot is being unpacked. */
    snapshot: join(folder, 'snapshot.db'),
    data: join(folder, 'etcd'),
    unfinishedData: join(folder, 'etcd.unfinished'),
    /** Our copy of the user's EncryptionConfiguration, readable by its owner only. */
    encryption: join(folder, 'encryption.yaml'),
    egress: join(folder, 'egress.yaml'),
    noProxy: join(folder, 'no-proxy.sock'),
  };
}

/** Undefined for every sandbox that is not an opened snapshot. */
export function readOpenedPlace(paths: SandboxPaths): Promise<OpenedPlace | undefined> {
  return readJson<OpenedPlace>(openedFiles(paths).place);
}

/** Undefined until etcd has been looked into. */
export function readOpenedStore(paths: Pick<SandboxPaths, 'folder'>): Promise<OpenedStore | undefined> {
  return readJson<OpenedStore>(openedFiles(paths).store);
}

/** Whoever reads the file sees all of it or none. */
export async function writePrivately(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The files are ours, written whole. */
async function readJson<T>(file: string): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text === '' ? undefined : (JSON.parse(text) as T);
}
