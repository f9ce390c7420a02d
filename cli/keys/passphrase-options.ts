import type { Command } from 'commander';
import { readSecret } from '../../workers/configuration.ts';
import { repeated } from '../options.ts';
import { askNewPassphrase, type Terminal } from './terminal.ts';

/** Where passphrases come from: never from the command line itself, which other users of the machine can read. */
export interface PassphraseOptions {
  readonly passphrase?: boolean;
  readonly passphraseFile: readonly string[];
  readonly passphraseEnv: readonly string[];
}

export function withPassphrases(command: Command, whose: string): Command {
  return command
    .option('--passphrase', `ask for ${whose} at the terminal`)
    .option('--passphrase-file <file>', `read ${whose} from a file (repeatable)`, repeated, [])
    .option('--passphrase-env <variable>', `read ${whose} from an environment variable (repeatable)`, repeated, []);
}

/** All passphrases that the options name, in the order file, environment, terminal. */
export async function readPassphrases(
  options: PassphraseOptions,
  terminal: Terminal | undefined,
  ask: (terminal: Terminal | undefined) => Promise<string> = askNewPassphrase,
): Promise<string[]> {
  const found: string[] = [];
  for (const file of options.passphraseFile) found.push((await readSecret({ file }, 'passphrase')).trimEnd());
  for (const env of options.passphraseEnv) found.push((await readSecret({ env }, 'passphrase')).trimEnd());
  if (options.passphrase) found.push(await ask(terminal));
  return found;
}
