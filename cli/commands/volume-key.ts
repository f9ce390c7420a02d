import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { withSession } from '../session.ts';
import { findBackup } from '../volumes/find-volume.ts';

type KeyOptions = LocationOptions & OutputOptions & { readonly cluster?: string; readonly reveal: boolean };

export function addVolumeKey(volume: Command): void {
  withOutput(withLocation(volume.command('key [backup]')))
    .description('say how restic alone opens the volumes of the cluster of a backup; the password is shown on a terminal only')
    .option('--cluster <uid>', 'of this cluster, when there is no backup to name it')
    .option('--reveal', 'show the password wherever the output goes', false)
    .action(async (backup: string | undefined, options: KeyOptions) => {
      await key(backup, options);
    });
}

async function key(backup: string | undefined, options: KeyOptions): Promise<void> {
  if ((backup === undefined) === (options.cluster === undefined)) {
    throw new HoldfastError(FailureType.BadInput, 'volume key needs to know which cluster', { advice: 'name a backup, or --cluster UID' });
  }
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const cluster = options.cluster ?? (await findBackup(session, location, backup ?? '')).cluster.uid;
    const access = await session.services.volumeAccess(location, cluster);
    const isShown = options.reveal || process.stdout.isTTY;
    const variables = [
      ...Object.keys(access.environment),
      ...Object.keys(access.files ?? {}),
      ...(access.authority === '' ? [] : ['RESTIC_CACERT']),
    ];
    const extended = Object.entries(access.options ?? {}).map(([name, value]) => `-o ${name}=${value}`);
    printAnswer(options.output, {
      data: {
        location,
        cluster,
        repository: access.url,
        ...(isShown ? { password: access.password } : {}),
        variables,
        options: extended,
      },
      names: [access.url],
      table: () =>
        [
          `export RESTIC_REPOSITORY=${quoted(access.url)}`,
          ...(isShown ? [`export RESTIC_PASSWORD=${quoted(access.password)}`] : []),
          ...variables.map((name) => `# export ${name}=... as the location has it`),
          ['restic', 'snapshots', ...extended].join(' '),
        ].join('\n'),
    });
    if (!isShown) note('the password is not shown, since this is no terminal: add --reveal');
  });
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
