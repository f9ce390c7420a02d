import { Client, Connection } from '@temporalio/client';
import { cacheFolder, stateFolder } from '../sandbox/state-folder.ts';
import type { Progress } from '../sandbox/tool-progress.ts';
import type { Configuration } from './configuration.ts';
import { dataConverter } from './data-converter.ts';
import { createServices, type KubeconfigContext } from './dependencies.ts';
import { startWorkers } from './run-worker.ts';
import { configuredTemporal } from './temporal-access.ts';
import { openTemporal, type TemporalDoor } from './temporal-door.ts';
import { WorkNotes } from './work-notes.ts';

/** A way to start runs and to see them through. */
export interface Orchestrator {
  readonly client: Client;
  readonly namespace: string;
  /** Base address of Temporal's UI; '' when there is none that Holdfast knows of. */
  readonly uiUrl: string;
  /** True when this process does the work itself: then a run goes on only while somebody serves it. */
  readonly embedded: boolean;
  /** Notes of runs on the local server. */
  readonly openRuns: WorkNotes;
  /** Notes of schedules on the local server. */
  readonly scheduledWork: WorkNotes;
  /** Stops the workers, leaves the server to its other users or stops it, closes connections. */
  close(): Promise<void>;
}

export interface OrchestratorOptions {
  readonly configuration: Configuration;
  /** The cluster that the command is about; none for commands about runs only. */
  readonly cluster?: {
    readonly name: string;
    readonly access: KubeconfigContext;
    /** No other process can reach it: it is served here even where a Temporal server is configured. */
    readonly isOnlyHere?: boolean;
  };
  readonly onProgress: Progress;
}

/**
 * The one door to runs. With a Temporal address configured it is a client. Without, it starts or joins the local server, and serves in this
 * process the given cluster and the clusters of every run that an earlier process left behind.
 */
export async function openOrchestrator({ configuration, cluster, onProgress }: OrchestratorOptions): Promise<Orchestrator> {
  const openRuns = new WorkNotes(stateFolder(), 'open-runs');
  const left = await openRuns.list();
  const door = await openTemporal(configuration, onProgress);
  const clusters = new Map(door.embedded ? left.map((run) => [run.cluster, run.access]) : []);
  if (cluster && (door.embedded || cluster.isOnlyHere === true)) clusters.set(cluster.name, cluster.access);
  const close = clusters.size > 0 ? await serve(door, configuration, clusters) : () => door.close();
  const { connection, namespace, uiUrl, embedded, payloadKey } = door;
  const client = new Client({ connection, namespace, dataConverter: dataConverter(payloadKey) });
  return { client, namespace, uiUrl, embedded, openRuns, scheduledWork: new WorkNotes(stateFolder(), 'schedules'), close };
}

/** True when a Temporal server is configured: then this process only asks, and workers elsewhere do the work. */
export function isClientOnly(): boolean {
  return configuredTemporal() !== undefined;
}

/** Workflow ids of the runs on the local server whose end no process has seen. */
export async function unfinishedRuns(): Promise<readonly string[]> {
  return (await new WorkNotes(stateFolder(), 'open-runs').list()).map(({ id }) => id);
}

/** Connects to the configured server, and fails when it does not answer; undefined when none is configured. */
export async function checkTemporal(): Promise<{ readonly address: string; readonly namespace: string } | undefined> {
  const target = configuredTemporal();
  if (!target) return undefined;
  const connection = await Connection.connect({ ...target.connection, connectTimeout: '5s' });
  await connection.close();
  return { address: target.address, namespace: target.namespace };
}

/** Serves clusters in this process; the result ends that, and closes the door. */
async function serve(
  door: TemporalDoor,
  configuration: Configuration,
  clusters: ReadonlyMap<string, KubeconfigContext>,
): Promise<() => Promise<void>> {
  const services = createServices({ configuration, clusters });
  const workers = await startWorkers({ ...door, services, clusters: [...clusters.keys()], cacheFolder: cacheFolder() });
  return async () => {
    await workers.stop();
    await services.close();
    await door.close();
  };
}
