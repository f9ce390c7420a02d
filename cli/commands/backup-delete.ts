import { Option, type Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupEntry } from '../../repository/chain-entries.ts';
import { withClusterOptions, withLocation, type ClusterOptions, type LocationOptions } from '../options.ts';
import { note } from '../output/print.ts';
import { withSession } from '../session.ts';
import { dropKeptSnapshots } from '../volumes/drop-kept-snapshots.ts';
import { repositoryLacks } from './backup-queries.ts';

type DeleteOptions = LocationOptions & ClusterOptions & { readonly confirm: boolean; readonly yes: boolean };

export function addBackupDelete(backup: Command): void {
  withLocation(withClusterOptions(backup.command('delete <names...>')))
    .description('remove recovery points; the chain of manifests keeps a note of it, `repository gc` frees the space')
    .option('--confirm', 'do it without asking', false)
    .addOption(new Option('-y, --yes', 'the same').hideHelp().default(false))
    .action(async (names: string[], options: DeleteOptions) => {
      await remove(names, { ...options, confirm: options.confirm || options.yes });
    });
}

async function remove(names: readonly string[], options: DeleteOptions): Promise<void> {
  if (!options.confirm && !process.stdin.isTTY) {
    throw new HoldfastError(FailureType.BadInput, 'backup delete asks before it deletes, and there is no terminal to ask on', {
      advice: 'add --confirm',
    });
  }
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const repository = await session.services.maintenanceRepository(location);
    const backups = await repository.backups();
    const known = new Set(backups.map(({ manifest }) => manifest.name));
    for (const name of names) if (!known.has(name)) throw repositoryLacks(name, location);
    for (const what of lastGoodOnes(backups, names)) note(`warning: ${what}`);
    if (!options.confirm && !(await agreed(`delete ${names.join(', ')} from location ${location}? [y/N] `))) return;
    const { locked } = await repository.deleteBackups(names, { beforeFilesGo: dropKeptSnapshots(options) });
    for (const name of names) process.stdout.write(`backup "${name}" deleted\n`);
    for (const { name, until } of locked) {
      note(`the store has locked the file of backup "${name}"${until === '' ? '' : ` until ${until}`}: gc removes it later`);
    }
  });
}

/** What is lost when these go: the last good backup of a schedule, or of a cluster's backups without one. */
function lastGoodOnes(backups: readonly BackupEntry[], names: readonly string[]): string[] {
  const groupOf = ({ manifest }: BackupEntry): string =>
    manifest.schedule === undefined ? `cluster ${manifest.cluster.name}` : `schedule ${manifest.schedule}`;
  const good = backups.filter(({ manifest }) => manifest.phase === 'Completed');
  const left = new Set(good.filter(({ manifest }) => !names.includes(manifest.name)).map(groupOf));
  return good
    .filter((entry, index) => !left.has(groupOf(entry)) && good.findLastIndex((other) => groupOf(other) === groupOf(entry)) === index)
    .map((entry) => `"${entry.manifest.name}" is the last good backup of ${groupOf(entry)}`);
}

async function agreed(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
