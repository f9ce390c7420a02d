import type { Command } from 'commander';
import { openBackup, withOpened, type OpenedBackup } from '../etcd/open-backup.ts';
import { withEncryptionConfig } from '../etcd/from-etcd.ts';
import { snapshotWarnings } from '../etcd/snapshot-warnings.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { withSession } from '../session.ts';

interface OpenOptions extends LocationOptions, OutputOptions {
  readonly encryptionConfig: string;
  readonly name: string;
}

export function addEtcdOpen(etcd: Command, done: (code: ExitCode) => void): void {
  withEncryptionConfig(withOutput(withLocation(etcd.command('open <backup>'))))
    .description("show a backup's etcd snapshot as a cluster without controllers, to be read with kubectl")
    .option('--name <name>', 'of the sandbox (default: etcd- and the name of the backup)', '')
    .action(async (backup: string, options: OpenOptions) => {
      done(await interruptible('the snapshot is not open', (signal) => open(backup, options, signal)));
    });
}

async function open(backup: string, options: OpenOptions, signal: AbortSignal): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const { encryptionConfig, name } = options;
    const opened = await openBackup(session, { location, backup, encryptionConfig, name, lifetime: 'until-down', signal });
    const warnings = await withOpened(opened.cluster, (cluster) => snapshotWarnings(cluster, opened.sandbox));
    for (const warning of warnings) note(`warning: ${warning}`);
    const { sandbox, etcd } = opened;
    printAnswer(options.output, {
      data: {
        location,
        backup,
        revision: etcd.revision,
        sandbox: sandbox.name,
        kubeconfig: sandbox.kubeconfigPath,
        context: sandbox.context,
        apiServer: sandbox.apiServer,
        unreadable: sandbox.opened?.unreadable ?? [],
        warnings,
      },
      names: [`sandbox/${sandbox.name}`],
      table: () => openedText(backup, opened),
    });
  });
}

function openedText(backup: string, { sandbox, etcd }: OpenedBackup): string {
  return [
    `backup "${backup}" is open: etcd at revision ${etcd.revision}, with no controllers`,
    `read it with            kubectl --kubeconfig ${sandbox.kubeconfigPath} get all --all-namespaces`,
    `end it and remove it    holdfast sandbox down --name ${sandbox.name}`,
  ].join('\n');
}
