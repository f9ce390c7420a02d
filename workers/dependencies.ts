import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { BackupPreview } from '../activities/preview/preview-backup.ts';
import type { BackupProjectInput } from '../contracts/backup.ts';
import type { PlannedObject, RestoreProjectInput } from '../contracts/restore.ts';
import type { BackupDiff } from '../domain/plan/backup-diff.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Repository } from '../repository/repository.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { findLocation, readSecret, type Configuration, type Location } from './configuration.ts';

/** Where the credentials of a cluster are: a context of a kubeconfig. */
export interface KubeconfigContext {
  /** Path, or '' for KUBECONFIG, the default file or the pod's own credentials. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
}

/** Commands that only read are ended by ending the process. */
const NEVER = new AbortController().signal;

/** Every adapter, built on first use and shared until `close`. */
export interface Services extends ActivityDependencies {
  previewBackup(input: BackupProjectInput): Promise<BackupPreview>;
  previewRestore(input: RestoreProjectInput): AsyncIterable<PlannedObject>;
  /** What changed from a backup to a later one, or with a cluster's name to what is live in it now. */
  diff(request: DiffRequest): Promise<BackupDiff>;
  /** The place itself, with retries, without opening the repository in it. */
  store(location: string): Promise<ObjectStore>;
  close(): Promise<void>;
}

interface DiffRequest {
  readonly location: string;
  readonly before: string;
  readonly after: { readonly backup: string } | { readonly cluster: string };
}

export interface ServiceOptions {
  readonly configuration: Configuration;
  /** Cluster name to access. */
  readonly clusters: ReadonlyMap<string, KubeconfigContext>;
}

/** The composition root: the only place where adapters are constructed. Their packages are loaded when they are first needed. */
export function createServices({ configuration, clusters }: ServiceOptions): Services {
  const connected = new Shared<Cluster>();
  const stores = new Shared<ObjectStore>();
  const repositories = new Shared<Repository>();

  const store = (name: string): Promise<ObjectStore> => {
    const location = findLocation(configuration, name);
    return stores.get(location.name, () => connectStore(location));
  };

  const cluster = (name: string): Promise<Cluster> => connected.get(name, () => connectTo(name, clusters.get(name)));
  const repository = (name: string): Promise<Repository> => {
    const location = findLocation(configuration, name);
    return repositories.get(location.name, async () => openAt(location, await store(name)));
  };

  return {
    store,
    cluster,
    repository,
    previewBackup: async (input) => {
      const { previewBackup } = await import('../activities/preview/preview-backup.ts');
      return previewBackup(await cluster(input.cluster), input, NEVER);
    },
    previewRestore: async function* (restore) {
      const { openNamed } = await import('../activities/apply/prepare-restore.ts');
      const { previewRestore } = await import('../activities/preview/preview-restore.ts');
      const { session } = await openNamed({
        cluster: await cluster(restore.cluster),
        repository: await repository(restore.location),
        restore,
      });
      yield* previewRestore(session, NEVER);
    },
    diff: async ({ location, before, after }) => {
      const { diffBackups, diffLive } = await import('../activities/preview/diff-backups.ts');
      const opened = await repository(location);
      const { manifest } = await opened.findBackup(before);
      if ('cluster' in after) return diffLive(opened, manifest, await cluster(after.cluster));
      return diffBackups(opened, manifest, (await opened.findBackup(after.backup)).manifest);
    },
    close: async () => {
      for (const cluster of await connected.settled()) await cluster.close();
      for (const opened of await stores.settled()) await opened.close();
    },
  };
}

async function connectTo(name: string, access: KubeconfigContext | undefined): Promise<Cluster> {
  if (!access) {
    throw new HoldfastError(FailureType.NotFound, `this worker does not serve the cluster "${name}"`, {
      advice: 'start it with `holdfast worker run --context` for that cluster',
    });
  }
  const { connectCluster } = await import('../kubernetes/api-cluster.ts');
  return connectCluster({ name, kubeconfig: access.kubeconfig, context: access.context });
}

/** The name of the context that is meant; `NotFound` with the known ones when there is none of that name. */
export async function contextName(access: KubeconfigContext): Promise<string> {
  const { loadClusterAccess } = await import('../kubernetes/kube-config.ts');
  return (await loadClusterAccess(access)).contextName;
}

async function connectStore(location: Location): Promise<ObjectStore> {
  const { openStore } = await import('../storage/open-store.ts');
  const { endpoint, region, forcePathStyle, profile, caFile, checksums } = location;
  const options = { endpoint, region, forcePathStyle, profile, caFile, checksums };
  return openStore(location.url, Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
}

/** Refuses a URL that no driver takes, in one line. */
export async function checkLocationUrl(url: string): Promise<void> {
  const { parseLocationUrl } = await import('../storage/open-store.ts');
  parseLocationUrl(url);
}

/** A repository just made. */
export interface CreatedRepository {
  readonly id: string;
  /** Where its new key was written; '' when it got a key that was there before. */
  readonly keyFile: string;
}

/** Makes the repository of a location for its key, its passphrase and further recipients. A key file that does not exist yet is made. */
export async function createRepository(location: Location, store: ObjectStore, recipients: readonly string[]): Promise<CreatedRepository> {
  const { initRepository } = await import('../repository/init.ts');
  await store.prepare();
  if (location.passphrase) {
    const passphrase = (await readSecret(location.passphrase, `passphrase of location ${location.name}`)).trimEnd();
    return { id: (await initRepository(store, { passphrase, recipients })).id, keyFile: '' };
  }
  const { identityToRecipient, generateX25519Identity } = await import('age-encryption');
  const keyFile = location.key && 'file' in location.key ? location.key.file : '';
  if (keyFile !== '' && !existsSync(keyFile)) {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    // The key is safe before anything is encrypted with it.
    await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
    await writeFile(keyFile, `# Holdfast key of location ${location.name} (${location.url})\n# public key: ${recipient}\n${identity}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
    return { id: (await initRepository(store, { recipients: [recipient, ...recipients] })).id, keyFile };
  }
  const { identities = [] } = await keysOf(location);
  const own = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
  return { id: (await initRepository(store, { recipients: [...own, ...recipients] })).id, keyFile: '' };
}

async function openAt(location: Location, store: ObjectStore): Promise<Repository> {
  const { openRepository } = await import('../repository/repository.ts');
  return openRepository(store, await keysOf(location));
}

/** What opens a location's repository: the identities of its key file, or its passphrase. */
async function keysOf(location: Location): Promise<{ identities?: string[]; passphrase?: string }> {
  if (location.passphrase)
    return { passphrase: (await readSecret(location.passphrase, `passphrase of location ${location.name}`)).trimEnd() };
  if (!location.key) {
    throw new HoldfastError(FailureType.BadInput, `location ${location.name} has no key`, {
      advice: 'name it with `holdfast location add NAME URL --key-file FILE`',
    });
  }
  const text = await readSecret(location.key, `key of location ${location.name}`);
  return {
    identities: text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  };
}

/** One instance per name, built once even when asked for at the same time; a failed attempt is forgotten, so the next one tries again. */
class Shared<T> {
  readonly #instances = new Map<string, Promise<T>>();

  get(name: string, build: () => Promise<T>): Promise<T> {
    let instance = this.#instances.get(name);
    if (!instance) {
      instance = build();
      this.#instances.set(name, instance);
      instance.catch(() => this.#instances.delete(name));
    }
    return instance;
  }

  async settled(): Promise<T[]> {
    const results = await Promise.allSettled(this.#instances.values());
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }
}
