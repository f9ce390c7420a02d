import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { HoldfastActivities } from '../../contracts/activities.ts';
import { ClassifyFailures } from '../../workers/classify-failure.ts';
import { dataConverter } from '../../workers/data-converter.ts';
import { cacheFolder } from '../../sandbox/state-folder.ts';
import { installRuntime } from '../../workers/run-worker.ts';
import { ensureSearchAttributes } from '../../workers/search-attributes.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { startTestTemporal } from './sandbox-env.ts';

/** A real Temporal server with real workers, whose activities a test gives. */
export interface WorkflowEnv {
  readonly client: Client;
  readonly bundle: WorkflowBundleWithSourceMap;
  /** Starts a workflow, serves it with these activities while `during` runs, and returns what that returns. */
  run<T>(request: RunRequest, during: (handle: WorkflowHandleWithFirstExecutionRunId) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export interface RunRequest {
  readonly workflow:
    'backupProject' | 'backupEtcd' | 'restoreProject' | 'copyRepository' | 'runSchedule' | 'syncGit' | 'importCommit' | 'restoreReleases';
  readonly input: unknown;
  readonly activities: Partial<HoldfastActivities>;
}

export async function startWorkflowEnv(): Promise<WorkflowEnv> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-workflow-'));
  installRuntime(join(folder, 'worker.log'), 'warn');
  const server = await startTestTemporal();
  const connection = await NativeConnection.connect({ address: server.address });
  await ensureSearchAttributes(connection, 'default');
  const client = new Client({ connection, dataConverter: dataConverter(undefined) });
  const bundle = await workflowBundle(cacheFolder());
  const serving = new Set<Promise<unknown>>();
  return {
    client,
    bundle,
    run: async ({ workflow, input, activities }, during) => {
      const taskQueue = `test-${randomUUID()}`;
      const worker = await Worker.create({
        connection,
        taskQueue,
        workflowBundle: bundle,
        activities,
        dataConverter: dataConverter(undefined),
        interceptors: { activity: [() => ({ inbound: new ClassifyFailures() })] },
      });
      const served = worker.runUntil(async () =>
        during(await client.workflow.start(workflow, { workflowId: randomUUID(), taskQueue, args: [input] })),
      );
      serving.add(served);
      return served.finally(() => serving.delete(served));
    },
    stop: async () => {
      await Promise.allSettled(serving);
      await connection.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
