import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { SEARCH_ATTRIBUTES } from '../../contracts/search-attributes.ts';
import type { HoldfastActivities } from '../../contracts/activities.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { ClassifyFailures } from '../../workers/classify-failure.ts';
import { cacheFolder } from '../../sandbox/state-folder.ts';
import { installRuntime } from '../../workers/run-worker.ts';
import { addSearchAttributes } from '../../workers/search-attributes.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';

/** Temporal's server that skips the time in which nothing happens, and a worker with these activities on the queue `test`. It knows no Schedules. */
export interface TimeSkipping {
  /** ISO-8601, by the server's clock. */
  now(): Promise<string>;
  /** Lets the server's clock go on to that time. */
  skipTo(time: string): Promise<void>;
  /** Runs a workflow to its end. */
  execute(workflow: string, input: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startTimeSkippingTemporal(activities: Partial<HoldfastActivities>): Promise<TimeSkipping> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-time-'));
  installRuntime(join(folder, 'worker.log'), 'warn');
  const tools = await resolveTools(['temporal-test-server']);
  const path = tools.get('temporal-test-server') ?? '';
  const env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  // It can register search attributes, but not list them.
  await addSearchAttributes(env.nativeConnection, 'default', Object.values(SEARCH_ATTRIBUTES));
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: 'test',
    workflowBundle: await workflowBundle(cacheFolder()),
    activities,
    interceptors: { activity: [() => ({ inbound: new ClassifyFailures() })] },
  });
  const running = worker.run();
  const now = async () => new Date(await env.currentTimeMs()).toISOString();
  let runs = 0;
  return {
    now,
    skipTo: async (time) => {
      const wait = Date.parse(time) - (await env.currentTimeMs());
      if (wait > 0) await env.sleep(wait);
    },
    execute: (workflow, input) => env.client.workflow.execute(workflow, { workflowId: `run-${++runs}`, taskQueue: 'test', args: [input] }),
    stop: async () => {
      worker.shutdown();
      await running;
      await env.teardown();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
