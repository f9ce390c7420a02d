import { join } from 'node:path';
import type { Command } from 'commander';
import { stateFolder } from '../../sandbox/state-folder.ts';
import { loadConfiguration } from '../../workers/configuration.ts';
import { repeated, type ClusterOptions } from '../options.ts';
import { note } from '../output/print.ts';
import { StatusLine } from '../output/status-line.ts';
import { toolProgress } from '../runs/orchestration.ts';
import { namedCluster, type NamedCluster } from '../session.ts';

interface RunOptions extends Omit<ClusterOptions, 'context'> {
  readonly context: readonly string[];
  readonly untilIdle: boolean;
}

export function workerCommand(program: Command): void {
  const worker = program.command('worker').description('the process that does the work of runs');
  worker
    .command('run')
    .description('serve clusters until stopped: those named by --context, the current one by default, and those of unfinished runs')
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', 'kubeconfig context to serve (repeatable)', repeated, [])
    .option('--until-idle', 'only finish what an interrupted command left, then end', false)
    .action(async (options: RunOptions) => {
      await run(options);
    });
}

async function run(options: RunOptions): Promise<void> {
  const { serveClusters } = await import('../../workers/serve.ts');
  const clusters = options.untilIdle ? [] : await clustersOf(options);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stop.abort();
    });
  const status = new StatusLine();
  await serveClusters({
    configuration: await loadConfiguration(),
    clusters,
    untilIdle: options.untilIdle,
    signal: stop.signal,
    onProgress: toolProgress(status),
    onServing: (names, address) => {
      status.clear();
      note(
        `serving ${names.length === 0 ? 'no cluster' : names.join(', ')} on ${address}; log: ${join(stateFolder(), 'logs', 'worker.log')}`,
      );
    },
  });
}

async function clustersOf(options: RunOptions): Promise<readonly NamedCluster[]> {
  const contexts = options.context.length === 0 ? [''] : options.context;
  return Promise.all(
    contexts.map((context) => namedCluster({ ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }), context })),
  );
}
