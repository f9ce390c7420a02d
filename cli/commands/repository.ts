import type { Command } from 'commander';
import { findLocation } from '../../workers/configuration.ts';
import { createRepository } from '../../workers/dependencies.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { bytes, count } from '../output/quantities.ts';
import { withSession } from '../session.ts';

export function repositoryCommand(program: Command): void {
  const repository = program.command('repository').description('the encrypted store inside a location');
  withLocation(repository.command('init'))
    .description(
      'make the repository of a location; a key file that does not exist yet is made, too: keep a copy of it, nothing opens the backups without',
    )
    .option(
      '--recipient <age1...>',
      'age recipients that can open it as well (repeatable)',
      (value: string, earlier: readonly string[]) => [...earlier, value],
      [],
    )
    .action(async (options: LocationOptions & { readonly recipient: readonly string[] }) => {
      await init(options);
    });
  withOutput(withLocation(repository.command('stats')))
    .description('sizes and counts of a repository')
    .action(async (options: LocationOptions & OutputOptions) => {
      await stats(options);
    });
}

async function init(options: LocationOptions & { readonly recipient: readonly string[] }): Promise<void> {
  await withSession(async (session) => {
    const location = findLocation(session.configuration, options.location);
    const made = await createRepository(location, await session.services.store(location.name), options.recipient);
    process.stdout.write(`repository ${made.id} made in ${location.url}\n`);
    if (made.keyFile !== '') note(`its key was written to ${made.keyFile}: keep a copy elsewhere, nothing opens the backups without it`);
  });
}

async function stats(options: LocationOptions & OutputOptions): Promise<void> {
  await withSession(async (session) => {
    const repository = await session.repository(session.locationName(options.location));
    const found = await repository.stats();
    printAnswer(options.output, {
      data: { repository: repository.id, ...found },
      names: [repository.id],
      table: () =>
        [
          `Repository: ${repository.id}`,
          ...Object.entries(found).map(
            ([name, value]) => `${`${name}:`.padEnd(20)}${/bytes/i.test(name) ? bytes(Number(value)) : count(Number(value))}`,
          ),
        ].join('\n'),
    });
  });
}
