import { Option, type Command } from 'commander';
import { upSandbox } from '../../sandbox/control-plane.ts';
import { loadServerImages, SERVER_IMAGES } from '../../sandbox/node/server-images.ts';
import { downSandbox, listSandboxes, sandboxStatus, type SandboxStatus } from '../../sandbox/sandbox-status.ts';
import { sandboxPaths, stateFolder } from '../../sandbox/state-folder.ts';
import { ExitCode } from '../exit-codes.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { note, printAnswer, type Answer } from '../output/print.ts';
import { duration } from '../output/quantities.ts';
import { StatusLine } from '../output/status-line.ts';
import { table } from '../output/table.ts';
import { toolProgress } from '../runs/orchestration.ts';

interface NameOption {
  readonly name: string;
}

interface UpOptions extends NameOption, OutputOptions {
  readonly temporal: boolean;
  readonly node: boolean;
  readonly csi: boolean;
  readonly image: readonly string[];
  readonly installPackages: boolean;
}

export function sandboxCommand(program: Command, done: (code: ExitCode) => void): void {
  const sandbox = program
    .command('sandbox')
    .description('a disposable control plane on this machine: etcd, kube-apiserver, kube-controller-manager, Temporal');
  const named = (command: Command): Command => command.option('--name <name>', 'which sandbox', 'default');
  withOutput(named(sandbox.command('up')))
    .description('start it; tools that are not here yet are found, downloaded or built')
    .addOption(new Option('--no-temporal', 'without a Temporal server of its own'))
    .option('--node', 'with a node that runs pods, and a storage driver that makes snapshots; Linux and root only', false)
    .option('--no-csi', 'with --node: without the storage driver')
    .addOption(
      new Option('--image <server...>', 'with a node, and images of servers on it, made from what this machine has')
        .choices(SERVER_IMAGES)
        .default([]),
    )
    .option('--install-packages', 'install the Debian packages that the node needs', false)
    .action(async (options: UpOptions) => {
      done(await up(options));
    });
  named(sandbox.command('down'))
    .description('stop it; its data is kept, but for that of an opened etcd snapshot')
    .option('--purge', 'remove its data, too', false)
    .action(async (options: NameOption & { readonly purge: boolean }) => {
      const isRemoved = await downSandbox({ name: options.name, purge: options.purge });
      process.stdout.write(`sandbox "${options.name}" stopped${isRemoved ? ', its data removed' : ''}\n`);
    });
  withOutput(sandbox.command('status').option('--name <name>', 'which sandbox (default: all)'))
    .description('show what runs')
    .action(async (options: Partial<NameOption> & OutputOptions) => {
      const found = options.name === undefined ? await listSandboxes() : [await sandboxStatus({ name: options.name })];
      printAnswer(options.output, statusAnswer(found));
    });
}

async function up(options: UpOptions): Promise<ExitCode> {
  const withNode = options.node || options.image.length > 0;
  const status = new StatusLine();
  const started = performance.now();
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new Error('interrupted'));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const sandbox = await upSandbox({
      name: options.name,
      withTemporal: options.temporal,
      withNode,
      withStorageDriver: withNode && options.csi,
      installPackages: options.installPackages,
      progress: toolProgress(status),
      signal: stop.signal,
    });
    status.clear();
    note(`sandbox "${options.name}" is up after ${duration(performance.now() - started)}`);
    for (const name of await loadServerImages(sandboxPaths(options.name, stateFolder()), options.image)) note(`pods can run ${name}`);
    if (sandbox.node !== undefined) note(`pods reach this machine's 127.0.0.1 at ${sandbox.node.hostAddress}`);
    printAnswer(options.output, {
      data: sandbox,
      names: [`sandbox/${options.name}`],
      table: () =>
        [
          `export KUBECONFIG=${sandbox.kubeconfigPath}`,
          ...(sandbox.temporalAddress === undefined ? [] : [`export TEMPORAL_ADDRESS=${sandbox.temporalAddress}`]),
          ...(sandbox.temporalUi === undefined ? [] : [`export TEMPORAL_UI_URL=${sandbox.temporalUi}`]),
        ].join('\n'),
    });
    return ExitCode.Done;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    note(`interrupted: what was started for sandbox "${options.name}" is being stopped`);
    return ExitCode.Interrupted;
  } finally {
    status.clear();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function statusAnswer(found: readonly SandboxStatus[]): Answer {
  return {
    data: found,
    names: found.map(({ name }) => `sandbox/${name}`),
    table: () =>
      table(
        ['NAME', 'SERVERS', 'API SERVER', 'TEMPORAL', 'FOLDER'],
        found.map((sandbox) => [
          sandbox.name,
          sandbox.servers.map((server) => `${server.name}:${server.pid === undefined ? 'stopped' : server.pid}`).join(' '),
          sandbox.apiServer,
          sandbox.temporalAddress ?? '',
          sandbox.folder,
        ]),
      ),
  };
}
