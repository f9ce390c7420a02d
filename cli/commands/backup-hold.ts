import type { Command } from 'commander';
import { withLocation, type LocationOptions } from '../options.ts';
import { withSession } from '../session.ts';

interface HoldOptions extends LocationOptions {
  readonly reason: string;
}

export function addBackupHolds(backup: Command): void {
  withLocation(backup.command('hold <names...>'))
    .description('keep recovery points whatever retention says: nothing deletes them until they are released')
    .requiredOption('--reason <text>', 'why, for those who come after')
    .action(async (names: string[], options: HoldOptions) => {
      await change('hold', names, options);
    });
  withLocation(backup.command('release <names...>'))
    .description('let recovery points that were held be deleted again')
    .option('--reason <text>', 'why, for those who come after', '')
    .action(async (names: string[], options: HoldOptions) => {
      await change('release', names, options);
    });
}

async function change(type: 'hold' | 'release', names: readonly string[], { location, reason }: HoldOptions): Promise<void> {
  const [done, before] = type === 'hold' ? ['held', 'was held already'] : ['released', 'was not held'];
  await withSession(async (session) => {
    const repository = await session.repository(session.locationName(location));
    const { changed, unchanged } = await repository[type](names, reason);
    for (const name of changed) process.stdout.write(`backup "${name}" ${done}\n`);
    for (const name of unchanged) process.stdout.write(`backup "${name}" ${before}\n`);
  });
}
