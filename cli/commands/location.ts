import type { Command } from 'commander';
import { findLocation, loadConfiguration, sourceText, type Location } from '../../workers/configuration.ts';
import type { ExitCode } from '../exit-codes.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';
import { table } from '../output/table.ts';
import { locationAddCommand } from './location-add.ts';
import { locationCheckCommand } from './location-check.ts';

export function locationCommand(program: Command, done: (code: ExitCode) => void): void {
  const location = program.command('location').description('where recovery points are kept');
  locationAddCommand(location);
  withOutput(location.command('get [name]'))
    .description('list locations')
    .action(async (name: string | undefined, options: OutputOptions) => {
      await get(name, options);
    });
  locationCheckCommand(location, done);
}

async function get(name: string | undefined, options: OutputOptions): Promise<void> {
  const configuration = await loadConfiguration();
  const locations = name === undefined ? configuration.locations : [findLocation(configuration, name)];
  printAnswer(options.output, {
    data: { defaultLocation: configuration.defaultLocation ?? '', locations },
    names: locations.map((location) => `location/${location.name}`),
    table: () => {
      const rows = locations.map((location) => [
        location.name,
        location.url,
        location.name === configuration.defaultLocation ? 'yes' : '',
        keyText(location),
      ]);
      return table(['NAME', 'URL', 'DEFAULT', 'KEY'], rows);
    },
  });
}

function keyText({ key, passphrase }: Location): string {
  const source = key ?? passphrase;
  return source ? sourceText(source) : 'none';
}
