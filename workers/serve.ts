import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { cacheFolder, stateFolder } from '../sandbox/state-folder.ts';
import type { Progress } from '../sandbox/tool-progress.ts';
import type { Configuration } from './configuration.ts';
import { dataConverter } from './data-converter.ts';
import { createServices, type KubeconfigContext } from './dependencies.ts';
import { startWorkers } from './run-worker.ts';
import { openTemporal, type TemporalDoor } from './temporal-door.ts';
import { WorkNotes } from './work-notes.ts';

const IDLE_POLL_MS = 500;

export interface ServeOptions {
  readonly configuration: Configuration;
  readonly clusters: readonly { readonly name: string; readonly access: KubeconfigContext }[];
  /** End as soon as every run that an interrupted process left on the local server has ended. */
  readonly untilIdle: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: Progress;
  readonly onServing: (clusters: readonly string[], address: string) => void;
}

/** The worker process: serves its clusters, and those of unfinished runs and of schedules on the local server, until it is stopped or idle. */
export async function serveClusters(options: ServeOptions): Promise<void> {
  const scheduledWork = new WorkNotes(stateFolder(), 'schedules');
  const openRuns = new WorkNotes(stateFolder(), 'open-runs');
  const door = await openTemporal(options.configuration, options.onProgress);
  try {
    if (door.embedded) await forgetEnded(door, openRuns);
    const left = door.embedded ? [...(await openRuns.list()), ...(options.untilIdle ? [] : await scheduledWork.list())] : [];
    const clusters = new Map(left.map((run) => [run.cluster, run.access]));
    for (const { name, access } of options.clusters) clusters.set(name, access);
    if (clusters.size === 0) return;
    const services = createServices({ configuration: options.configuration, clusters });
    const workers = await startWorkers({ ...door, services, clusters: [...clusters.keys()], cacheFolder: cacheFolder() });
    options.onServing([...clusters.keys()], door.address);
    await Promise.race([workers.ended, options.untilIdle ? untilIdle(door, openRuns, options.signal) : stopped(options.signal)]);
    await workers.stop();
    await services.close();
  } finally {
    await door.close();
  }
}

async function untilIdle(door: TemporalDoor, openRuns: WorkNotes, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await openRuns.list()).length > 0) {
    await forgetEnded(door, openRuns);
    await delay(IDLE_POLL_MS);
  }
}

/** Removes the notes of runs that have ended, or that the server never heard of. */
async function forgetEnded(door: TemporalDoor, openRuns: WorkNotes): Promise<void> {
  const { connection, namespace, payloadKey } = door;
  const client = new Client({ connection, namespace, dataConverter: dataConverter(payloadKey) });
  for (const { id } of await openRuns.list()) {
    const description = await client.workflow
      .getHandle(id)
      .describe()
      .catch(() => undefined);
    if (description?.status.name !== 'RUNNING') await openRuns.remove(id);
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
