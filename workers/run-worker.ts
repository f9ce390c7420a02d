import type { NativeConnection } from '@temporalio/worker';
import { Runtime, Worker } from '@temporalio/worker';
import { ClassifyFailures } from './classify-failure.ts';
import { createActivities } from '../activities/index.ts';
import { clusterTaskQueue } from '../contracts/workflow-ids.ts';
import { dataConverter } from './data-converter.ts';
import type { Services } from './dependencies.ts';
import { TemporalLog, openLog } from './logging.ts';
import { workflowBundle } from './workflow-bundle.ts';

export interface WorkerSettings {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly payloadKey: Buffer | undefined;
  readonly services: Services;
  /** Names of the clusters that this process serves: one task queue each. */
  readonly clusters: readonly string[];
  readonly cacheFolder: string;
}

/** Sends the log of Temporal's runtime to ours. Must come before the first connection of the process; later calls change nothing. */
export function installRuntime(destination: number | string, level: string): void {
  try {
    Runtime.install({
      logger: new TemporalLog(openLog(destination, level)),
      shutdownSignals: [],
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
  } catch {
    // Installed already: the process keeps the log it began with.
  }
}

/** Workers that run until `stop`. */
export interface RunningWorkers {
  /** Settles when they ended; rejects when one of them broke. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts one worker for each cluster. Activities in progress get `shutdownGraceTime` on stop, after it they are retried elsewhere. */
export async function startWorkers(settings: WorkerSettings): Promise<RunningWorkers> {
  const bundle = await workflowBundle(settings.cacheFolder);
  const activities = createActivities(settings.services);
  const workers = await Promise.all(
    settings.clusters.map((cluster) =>
      Worker.create({
        connection: settings.connection,
        namespace: settings.namespace,
        taskQueue: clusterTaskQueue(cluster),
        workflowBundle: bundle,
        activities,
        dataConverter: dataConverter(settings.payloadKey),
        interceptors: { activity: [() => ({ inbound: new ClassifyFailures() })] },
        maxConcurrentActivityTaskExecutions: 8,
        shutdownGraceTime: '2s',
        // A dead worker is noticed after the heartbeat timeout, so heartbeats must not be held back for most of it.
        maxHeartbeatThrottleInterval: '1s',
        // A dead worker's cached workflows are handed to another one after this long.
        stickyQueueScheduleToStartTimeout: '2s',
      }),
    ),
  );
  const running = workers.map((worker) => worker.run());
  const ended = Promise.all(running).then(() => undefined);
  ended.catch(() => undefined);
  return {
    ended,
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(running);
    },
  };
}
