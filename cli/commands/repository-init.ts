import type { Command } from 'commander';
import { findLocation } from '../../workers/configuration.ts';
import { initRepositoryAt } from '../keys/init-repository.ts';
import { askNewPassphrase, openTerminal } from '../keys/terminal.ts';
import { repeated, withLocation, type LocationOptions } from '../options.ts';
import { note } from '../output/print.ts';
import { withSession } from '../session.ts';

interface InitOptions extends LocationOptions {
  readonly recipient: readonly string[];
  readonly passphrase?: boolean;
  readonly recoveryKeyFile: string;
  readonly recoveryKeyKept?: boolean;
}

export function repositoryInitCommand(repository: Command): void {
  withLocation(repository.command('init'))
    .description(
      'make the repository of a location; a key that does not exist yet is made and shown once: keep it, nothing else opens the backups',
    )
    .option('--recipient <recipient>', 'age recipients that can open it as well (repeatable)', repeated, [])
    .option('--passphrase', 'ask for a passphrase that can open it as well')
    .option('--recovery-key-file <file>', 'make a recovery key and write it to a new file', '')
    .option('--recovery-key-kept', 'say that the key files that are written will be kept elsewhere, instead of being asked')
    .action(async (options: InitOptions) => {
      await init(options);
    });
}

async function init(options: InitOptions): Promise<void> {
  await withSession(async (session) => {
    const location = findLocation(session.configuration, options.location);
    const terminal = openTerminal();
    const made = await initRepositoryAt({
      location,
      store: await session.services.store(location.name),
      recipients: options.recipient,
      passphrase: options.passphrase ? await askNewPassphrase(terminal) : '',
      recoveryKeyFile: options.recoveryKeyFile,
      kept: options.recoveryKeyKept ?? false,
      terminal,
    });
    process.stdout.write(`repository ${made.id} made in ${location.url}\n`);
    for (const file of made.keyFiles) note(`a key was written to ${file}: keep a copy elsewhere, nothing opens the backups without one`);
  });
}
