import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection, isGrpcServiceError, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { BackupProgress, BackupProjectInput, BackupProjectResult } from '../../contracts/backup.ts';
import type { RunPhase } from '../../contracts/outcome.ts';
import {
  ConflictPolicy,
  type RestoreOptions,
  type RestoreProgress,
  type RestoreProjectInput,
  type RestoreProjectResult,
} from '../../contracts/restore.ts';
import { SELECT_ALL, type Selection } from '../../contracts/selection.ts';
import type { VolumeRequest } from '../../contracts/volume.ts';
import { backupWorkflowId, restoreWorkflowId } from '../../contracts/workflow-ids.ts';
import { startRun, type RunRequest } from '../../cli/runs/start-run.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { loadConfiguration, saveLocation, type Location } from '../../workers/configuration.ts';
import { dataConverter } from '../../workers/data-converter.ts';
import { createRepository } from '../../workers/location-keys.ts';
import { WorkNotes } from '../../workers/work-notes.ts';
import { stopTemporal } from '../../sandbox/temporal-server.ts';
import { ChildCommand, type CommandResult } from './child-command.ts';
import { RawApi } from './raw-api.ts';
import { s3Storage } from './s3-storage.ts';
import { startTestCluster, startTestS3, startTestTemporal, type Stoppable } from './sandbox-env.ts';
import type { LocationAccess, StorageServer } from './storage-server.ts';

export interface PlaceOptions {
  /** A cluster in place of a sandbox without nodes; it is stopped with the place. */
  readonly cluster?: Sandbox & Stoppable;
  readonly s3?: boolean;
  /** False: commands start the local server themselves. */
  readonly temporal?: boolean;
}

/** How a run ended, as its starter sees it. */
export interface RunOutcome<Result> {
  readonly name: string;
  /** Absent when the run failed as a whole. */
  readonly result?: Result;
  /** The failure's type and message. */
  readonly failure?: { readonly type: string; readonly message: string };
  readonly elapsedMs: number;
}

export interface PlaceLocation {
  readonly name: string;
  readonly identity: string;
  /** Straight to the storage, past every proxy. */
  readonly store: ObjectStore;
}

/** A run under way. */
export interface StartedRun<Result> {
  readonly handle: WorkflowHandle;
  outcome(): Promise<RunOutcome<Result>>;
}

/**
 * Everything for one test file: a control plane, a Temporal server, perhaps an S3 server, worker processes and a command line, each real, in
 * folders of their own. Tests reach the cluster through `api`, which shares no code with the product.
 */
export class TestPlace {
  readonly folder: string;
  readonly cluster: Sandbox & Stoppable;
  readonly api: RawApi;
  readonly s3: Awaited<ReturnType<typeof startTestS3>> | undefined;
  /** The bucket of the S3 server. */
  readonly storage: StorageServer | undefined;
  readonly temporal: Awaited<ReturnType<typeof startTestTemporal>> | undefined;
  readonly locations = new Map<string, PlaceLocation>();
  /** Planted as secrets by tests; must appear nowhere but in the cluster. */
  readonly canaries: string[] = [];
  /** Everything that commands and workers have printed. */
  readonly outputs: ChildCommand[] = [];
  #client: Client | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(parts: Pick<TestPlace, 'folder' | 'cluster' | 'api' | 's3' | 'storage' | 'temporal'>) {
    this.folder = parts.folder;
    this.cluster = parts.cluster;
    this.api = parts.api;
    this.s3 = parts.s3;
    this.storage = parts.storage;
    this.temporal = parts.temporal;
  }

  static async open({ cluster: given, s3 = false, temporal = true }: PlaceOptions = {}): Promise<TestPlace> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-place-'));
    for (const name of ['tmp', 'state']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'temporal.toml'), '[profile.default]\n');
    const [cluster, server, orchestrator] = await Promise.all([
      given ?? startTestCluster(),
      s3 ? startTestS3() : undefined,
      temporal ? startTestTemporal() : undefined,
    ]);
    const api = await RawApi.open(cluster.kubeconfigPath);
    const storage = server && (await s3Storage(server));
    return new TestPlace({ folder, cluster, api, s3: server, storage, temporal: orchestrator });
  }

  /** Stops everything, the servers that commands started for themselves included. */
  async close(): Promise<void> {
    for (const { child } of this.outputs) child.kill('SIGKILL');
    await Promise.allSettled(this.outputs.map(({ ended }) => ended));
    await this.#client?.connection.close();
    for (const { store } of this.locations.values()) await store.close();
    this.api.close();
    await stopTemporal(join(this.folder, 'state', 'temporal'));
    await Promise.all([this.cluster.stop(), this.s3?.stop(), this.temporal?.stop()]);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The environment of commands and workers: nothing of the user's own configuration. */
  get environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(TEMPORAL_|AWS_|AZURE_|GOOGLE_|STORAGE_|KUBECONFIG$|HOLDFAST_(CONFIG|STATE_DIR|DEBUG)$)/.test(name),
    );
    return {
      ...Object.fromEntries(own),
      KUBECONFIG: this.cluster.kubeconfigPath,
      HOLDFAST_CONFIG: this.configFile,
      HOLDFAST_STATE_DIR: join(this.folder, 'state'),
      TEMPORAL_CONFIG_FILE: join(this.folder, 'temporal.toml'),
      TMPDIR: join(this.folder, 'tmp'),
      NO_COLOR: '1',
      ...(this.temporal ? { TEMPORAL_ADDRESS: this.temporal.address } : {}),
      ...(this.s3
        ? { AWS_ACCESS_KEY_ID: this.s3.accessKeyId, AWS_SECRET_ACCESS_KEY: this.s3.secretAccessKey, AWS_REGION: this.s3.region }
        : {}),
    };
  }

  get configFile(): string {
    return join(this.folder, 'config.yaml');
  }

  /** Makes a repository and tells the configuration of it. Its place is a folder of the bucket, or of the disk where there is no server. */
  async addLocation(name: string, options: AddLocation = {}): Promise<PlaceLocation> {
    const keyFile = join(this.folder, `${options.sameKeysAs ?? name}.key`);
    const { access, store } = this.#reach(name, options);
    const location: Location = { name, key: { file: keyFile }, ...access };
    if (options.sameKeysAs === undefined) await createRepository(location, store);
    else await copyKeys(this.locations.get(options.sameKeysAs)!.store, store);
    // One file, one writer at a time.
    const saved = this.#saving.then(() => saveLocation(location, this.configFile));
    this.#saving = saved.catch(() => undefined);
    await saved;
    const identity = (await readFile(keyFile, 'utf8')).split('\n').find((line) => line.startsWith('AGE-SECRET-KEY')) ?? '';
    const made: PlaceLocation = { name, identity, store };
    this.locations.set(name, made);
    return made;
  }

  /** An empty place that is to hold a copy: the key is the original's. */
  async addCopyPlace(name: string, original: string): Promise<void> {
    const url = `file://${join(this.folder, 'locations', name)}`;
    await saveLocation({ name, url, key: { file: join(this.folder, `${original}.key`) } }, this.configFile);
  }

  /** A kubeconfig that reaches the cluster by other addresses: one context for each. A proxy needs no credentials. */
  async writeKubeconfig(servers: Readonly<Record<string, string>>): Promise<string> {
    const file = join(this.folder, `kubeconfig-${Object.keys(servers)[0] ?? 'none'}`);
    const entries = Object.entries(servers);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': entries[0]?.[0] ?? '',
      clusters: entries.map(([name, server]) => ({ name, cluster: { server } })),
      users: [{ name: 'nobody', user: {} }],
      contexts: entries.map(([name]) => ({ name, context: { cluster: name, user: 'nobody' } })),
    };
    await writeFile(file, JSON.stringify(config));
    return file;
  }

  /** Starts a command; it is killed at the end of the file at the latest. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildCommand {
    const command = new ChildCommand(args, { ...this.environment, ...env });
    this.outputs.push(command);
    return command;
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    return this.start(args, env).ended;
  }

  /** A worker process; resolves when it serves. */
  async startWorker(access: { readonly kubeconfig?: string; readonly contexts?: readonly string[] } = {}): Promise<ChildCommand> {
    const { kubeconfig = this.cluster.kubeconfigPath, contexts = [] } = access;
    const worker = this.start(['worker', 'run', '--kubeconfig', kubeconfig, ...contexts.flatMap((context) => ['--context', context])]);
    await worker.printed(/serving /);
    return worker;
  }

  async client(): Promise<Client> {
    if (!this.temporal) throw new Error('this place has no Temporal server of its own');
    this.#client ??= new Client({
      connection: await Connection.connect({ address: this.temporal.address }),
      dataConverter: dataConverter(undefined),
    });
    return this.#client;
  }

  async startBackup(name: string, request: BackupRequest = {}): Promise<StartedRun<BackupProjectResult>> {
    const { cluster = this.cluster.context, location = this.#firstLocation(), namespaces = [], selection = {}, volumes } = request;
    const input: BackupProjectInput = {
      name,
      cluster,
      location,
      selection: { ...SELECT_ALL, includedNamespaces: namespaces, ...selection },
      ...(volumes === undefined ? {} : { volumes }),
    };
    return this.#startRun({
      workflow: 'backupProject',
      kind: 'backup',
      workflowId: backupWorkflowId(location, name),
      name,
      location,
      input,
      cluster,
    });
  }

  async startRestore(name: string, request: RestoreRequest): Promise<StartedRun<RestoreProjectResult>> {
    const { cluster = this.cluster.context, location = this.#firstLocation(), backup, selection = {}, ...options } = request;
    const input: RestoreProjectInput = {
      name,
      backup,
      cluster,
      location,
      options: {
        namespaceMapping: {},
        conflictPolicy: ConflictPolicy.Skip,
        includeControlled: false,
        preserveNodePorts: false,
        allow: [],
        readinessTimeoutMs: 60_000,
        ...options,
        selection: { ...SELECT_ALL, ...selection },
      },
    };
    return this.#startRun({
      workflow: 'restoreProject',
      kind: 'restore',
      workflowId: restoreWorkflowId(cluster, name),
      name,
      location,
      input,
      cluster,
    });
  }

  async backup(name: string, request: BackupRequest = {}): Promise<RunOutcome<BackupProjectResult>> {
    return (await this.startBackup(name, request)).outcome();
  }

  async restore(name: string, request: RestoreRequest): Promise<RunOutcome<RestoreProjectResult>> {
    return (await this.startRestore(name, request)).outcome();
  }

  /** Folders in which nothing secret may be found: the state of commands and workers, temporary files, Temporal's database. */
  get watchedFolders(): readonly string[] {
    return [join(this.folder, 'state'), join(this.folder, 'tmp'), ...(this.temporal ? [this.temporal.folder] : [])];
  }

  async temporaryFiles(): Promise<readonly string[]> {
    return readdir(join(this.folder, 'tmp'));
  }

  #firstLocation(): string {
    const [name] = this.locations.keys();
    if (name === undefined) throw new Error('the place has no location yet');
    return name;
  }

  #reach(name: string, options: AddLocation): { readonly access: LocationAccess; readonly store: ObjectStore } {
    const { server = this.storage, origin = server?.origin ?? '', folder = join(this.folder, 'locations', name) } = options;
    if (server && options.folder === undefined) return { access: server.access(name, origin), store: withRetry(server.open(name)) };
    return { access: { url: `file://${folder}` }, store: new FilesystemStore(folder) };
  }

  async #startRun<Result extends { readonly phase: RunPhase }>(
    request: Omit<RunRequest, 'cluster'> & { cluster: string },
  ): Promise<StartedRun<Result>> {
    const client = await this.client();
    const began = performance.now();
    const access = { kubeconfig: '', context: '' };
    const orchestrator = {
      client,
      namespace: 'default',
      uiUrl: '',
      embedded: false,
      openRuns: new WorkNotes(join(this.folder, 'state'), 'open-runs'),
      scheduledWork: new WorkNotes(join(this.folder, 'state'), 'schedules'),
      close: () => Promise.resolve(),
    };
    const { handle } = await startRun(orchestrator, { ...request, cluster: { name: request.cluster, access } });
    return {
      handle,
      outcome: async () => {
        const { name } = request;
        try {
          return { name, result: (await patientResult(handle)) as Result, elapsedMs: performance.now() - began };
        } catch (error) {
          if (!(error instanceof WorkflowFailedError)) throw error;
          const cause = error.cause as Error & { readonly type?: string };
          return { name, failure: { type: cause.type ?? cause.name, message: cause.message }, elapsedMs: performance.now() - began };
        }
      },
    };
  }
}

export interface AddLocation {
  /** In place of the S3 server. */
  readonly server?: StorageServer;
  /** A proxy in front of the server. */
  readonly origin?: string;
  /** A folder of the disk, also where there is a server. */
  readonly folder?: string;
  /** An empty repository with the identity and keys of another location's: the same objects get the same ids in it. */
  readonly sameKeysAs?: string;
}

export interface BackupRequest {
  readonly cluster?: string;
  readonly location?: string;
  readonly namespaces?: readonly string[];
  readonly selection?: Partial<Selection>;
  readonly volumes?: VolumeRequest;
}

export interface RestoreRequest extends Partial<Omit<RestoreOptions, 'selection'>> {
  readonly backup: string;
  readonly cluster?: string;
  readonly location?: string;
  readonly selection?: Partial<Selection>;
}

/** The result, also when the Temporal server is away for a while. */
async function patientResult(handle: WorkflowHandle): Promise<unknown> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await handle.result();
    } catch (error) {
      if (!isGrpcServiceError(error) || attempt === 60) throw error;
      await delay(1_000);
    }
  }
}

/** How far a run is; undefined while no worker answers. */
export async function progressOf(handle: WorkflowHandle): Promise<BackupProgress | RestoreProgress | undefined> {
  return handle.query<BackupProgress | RestoreProgress>('progress').catch(() => undefined);
}

/** The configuration as commands will read it. */
export async function configuredLocations(place: TestPlace): Promise<readonly string[]> {
  return (await loadConfiguration(place.configFile)).locations.map(({ name }) => name);
}

/** Path of a file of the repository under test. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

async function copyKeys(from: ObjectStore, to: ObjectStore): Promise<void> {
  await to.prepare();
  for await (const { key } of from.list('keys/')) await to.create(key, await from.read(key));
  await to.create('repository.json', await from.read('repository.json'));
}
