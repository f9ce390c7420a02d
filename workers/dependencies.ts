import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { BackupPreview } from '../activities/preview/preview-backup.ts';
import type { AfterBackup } from '../contracts/protection.ts';
import type { BackupProjectInput } from '../contracts/backup.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { PlannedObject, RestoreProjectInput } from '../contracts/restore.ts';
import type { BackupDiff } from '../domain/plan/backup-diff.ts';
import type { Cluster } from '../kubernetes/port.ts';
import type { Credentials } from '../repository/age-files.ts';
import type { CheckReport } from '../repository/check/report.ts';
import type { Repository } from '../repository/repository.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { findLocation, loadConfiguration, type Configuration, type Location } from './configuration.ts';
import type { CheckRequest } from './check-with-witness.ts';
import type { LocationGcReport, LocationGcRequest } from './collect-location.ts';
import { credentialsOf, type AskSecret } from './location-keys.ts';
import { checkPlace, connectStore, type StoreUse } from './location-store.ts';
import { etcdServices, type EtcdServices } from './etcd-services.ts';
import { helmServices, type HelmServices } from './helm-services.ts';
import { gitServices, type GitServices } from './git-services.ts';
import { volumeServices, type VolumeServices } from './volume-services.ts';
import type { StoreCheck } from '../storage/store-check.ts';

export type { StoreCheck } from '../storage/store-check.ts';
export type { ArchivedFile, ArchiveProgress, VolumeArchive } from '../movers/volume-archive.ts';
export type { Survey } from './helm-services.ts';
export type { LocationGcReport } from './collect-location.ts';
export type { RestoredEtcd } from './etcd-services.ts';
export { createRepository, credentialsOf, missingKeyFile, writeKeyFile, type GeneratedKey } from './location-keys.ts';

/** Where the credentials of a cluster are: a context of a kubeconfig. */
export interface KubeconfigContext {
  /** Path, or '' for KUBECONFIG, the default file or the pod's own credentials. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
}

/** Indexes that were read longer ago than this are read again before they are relied on. */
const STALE_AFTER_MS = 60_000;

/** Commands that only read are ended by ending the process. */
const NEVER = new AbortController().signal;

/** Every adapter, built on first use and shared until `close`. */
export interface Services extends ActivityDependencies, VolumeServices, EtcdServices, GitServices, HelmServices {
  previewBackup(input: BackupProjectInput): Promise<BackupPreview>;
  /** `onLost` is told what of the backup cannot be read any more. */
  previewRestore(input: RestoreProjectInput, onLost?: (issue: Issue) => void): AsyncIterable<PlannedObject>;
  /** What changed from a backup to a later one, or with a cluster's name to what is live in it now. */
  diff(request: DiffRequest): Promise<BackupDiff>;
  /** The place itself, with retries, without opening the repository in it. */
  store(location: string, use?: StoreUse): Promise<ObjectStore>;
  /** What the place can do, and what the credentials may do there, found out by trying. */
  checkPlace(location: string, onStep?: (step: string) => void): Promise<StoreCheck>;
  /** The repository in a location, reached with the rights to delete. */
  maintenanceRepository(location: string): Promise<Repository>;
  /** Proves that a location holds what was written, also against what was seen of it before on this machine. Opens what can be opened. */
  checkLocation(location: string, request: CheckRequest): Promise<CheckReport>;
  /** Frees what no backup of a location needs any more, volumes included. */
  collectGarbage(location: string, request: LocationGcRequest): Promise<LocationGcReport>;
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
  /** For locations whose key the configuration does not name. */
  readonly askSecret?: AskSecret;
}

/** The composition root: the only place where adapters are constructed. Their packages are loaded when they are first needed. */
export function createServices({ configuration, clusters, askSecret }: ServiceOptions): Services {
  const connected = new Shared<Cluster>();
  const stores = new Shared<ObjectStore>();
  const repositories = new Shared<Repository>();

  const store = async (name: string, use: StoreUse = {}): Promise<ObjectStore> => {
    const location = await locate(configuration, name);
    const other = use.maintenance === true && location.maintenance !== undefined;
    return stores.get(other ? `${location.name}\nmaintenance` : location.name, () => connectStore(location, use));
  };

  const cluster = (name: string): Promise<Cluster> => connected.get(name, () => connectTo(name, accessOf(name, clusters)));
  const repository = async (name: string): Promise<Repository> => {
    const location = await locate(configuration, name);
    const opened = await repositories.get(location.name, async () => openAt(location, await store(name), askSecret));
    // A worker lives for months, and what it has read of the location does not.
    await opened.refreshAfter(STALE_AFTER_MS);
    return opened;
  };

  const maintenanceRepository = async (name: string): Promise<Repository> =>
    openAt(await locate(configuration, name), await store(name, { maintenance: true }), askSecret);

  return {
    store,
    checkPlace: async (name, onStep) => checkPlace(await locate(configuration, name), store, onStep),
    cluster,
    repository,
    maintenanceRepository,
    ...previews({ cluster, repository }),
    checkLocation: async (name, request) => {
      const location = await locate(configuration, name);
      return checkAt(location, { store: await store(name), credentials: await credentialsOf(location, askSecret) }, request);
    },
    collectGarbage: async (name, request) => collectAt(await locate(configuration, name), await maintenanceRepository(name), request),
    ...etcdServices({ configuration, repository }),
    ...helmServices({ accessOf: (name) => accessOf(name, clusters), cluster, repository, settings: configuration.chartRepositories ?? [] }),
    ...gitServices({ configuration, cluster }),
    ...volumeServices({
      accessOf: (name) => accessOf(name, clusters),
      cluster,
      settings: configuration.movers,
      openAt: async (name) => ({ location: await locate(configuration, name), repository: await repository(name) }),
    }),
    afterBackup: async (name) => protectionIn(await locate(configuration, name)),
    close: async () => {
      for (const cluster of await connected.settled()) await cluster.close();
      for (const opened of await stores.settled()) await opened.close();
    },
  };
}

/** What would happen, and what has: all of it only reads. */
function previews({
  cluster,
  repository,
}: Pick<ActivityDependencies, 'cluster' | 'repository'>): Pick<Services, 'previewBackup' | 'previewRestore' | 'diff'> {
  return {
    previewBackup: async (input) => {
      const { previewBackup } = await import('../activities/preview/preview-backup.ts');
      return previewBackup(await cluster(input.cluster), input, NEVER);
    },
    previewRestore: async function* (restore, onLost) {
      const { openNamed } = await import('../activities/apply/prepare-restore.ts');
      const { previewRestore } = await import('../activities/preview/preview-restore.ts');
      const work = { cluster: await cluster(restore.cluster), repository: await repository(restore.location), restore };
      const { session } = await openNamed(work, NEVER);
      yield* previewRestore(session, NEVER, onLost);
    },
    diff: async ({ location, before, after }) => {
      const { diffBackups, diffLive } = await import('../activities/preview/diff-backups.ts');
      const opened = await repository(location);
      const { manifest } = await opened.findBackup(before);
      if ('cluster' in after) return diffLive(opened, manifest, await cluster(after.cluster));
      return diffBackups(opened, manifest, (await opened.findBackup(after.backup)).manifest);
    },
  };
}

function protectionIn({ lock, copyTo = [] }: Location): AfterBackup {
  return { lockDays: lock?.days ?? 0, copyTo };
}

/** A worker lives for months: a location that was added since it has started is found in the file. */
async function locate(configuration: Configuration, name: string): Promise<Location> {
  try {
    return findLocation(configuration, name);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type !== FailureType.NotFound) throw error;
    return findLocation(await loadConfiguration(), name);
  }
}

function accessOf(name: string, clusters: ReadonlyMap<string, KubeconfigContext>): KubeconfigContext {
  const access = clusters.get(name);
  if (access) return access;
  throw new HoldfastError(FailureType.NotFound, `this worker does not serve the cluster "${name}"`, {
    advice: 'start it with `holdfast worker run --context` for that cluster',
  });
}

async function connectTo(name: string, access: KubeconfigContext): Promise<Cluster> {
  const { connectCluster } = await import('../kubernetes/api-cluster.ts');
  return connectCluster({ name, kubeconfig: access.kubeconfig, context: access.context });
}

/** The name of the context that is meant; `NotFound` with the known ones when there is none of that name. */
export async function contextName(access: KubeconfigContext): Promise<string> {
  const { loadClusterAccess } = await import('../kubernetes/kube-config.ts');
  return (await loadClusterAccess(access)).contextName;
}

/** Refuses a URL that no driver takes, in one line. */
export async function checkLocationUrl(url: string): Promise<void> {
  const { parseLocationUrl } = await import('../storage/open-store.ts');
  parseLocationUrl(url);
}

async function checkAt(
  location: Location,
  { store, credentials }: { readonly store: ObjectStore; readonly credentials: Credentials },
  request: CheckRequest,
): Promise<CheckReport> {
  const { checkWithWitness } = await import('./check-with-witness.ts');
  const { openRepository } = await import('../repository/repository.ts');
  const report = await checkWithWitness(store, credentials, request);
  const repository = await openRepository(store, credentials).catch((error: unknown) => {
    // What keeps it from being opened is in the report.
    if (error instanceof HoldfastError) return undefined;
    throw error;
  });
  if (!repository) return report;
  const { withVolumes } = await import('./check-volumes.ts');
  const { openVolumeArchive } = await import('./volume-repositories.ts');
  return withVolumes(report, { repository, open: (clusterUid) => openVolumeArchive(location, repository, { clusterUid }) }, request);
}

async function collectAt(location: Location, repository: Repository, request: LocationGcRequest): Promise<LocationGcReport> {
  const { collectLocation } = await import('./collect-location.ts');
  const { openVolumeArchive } = await import('./volume-repositories.ts');
  return collectLocation(repository, (clusterUid) => openVolumeArchive(location, repository, { clusterUid, maintenance: true }), request);
}

async function openAt(location: Location, store: ObjectStore, askSecret?: AskSecret): Promise<Repository> {
  const { openRepository } = await import('../repository/repository.ts');
  const { compressionLevel, packSizeMiB } = location;
  const storage = {
    ...(compressionLevel === undefined ? {} : { compressionLevel }),
    ...(packSizeMiB === undefined ? {} : { packSizeMiB }),
  };
  return openRepository(store, await credentialsOf(location, askSecret), { storage });
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
