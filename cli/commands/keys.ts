import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { AgeTarget } from '../../repository/age-files.ts';
import type { HolderRow } from '../../repository/key-changes.ts';
import type { KeyAdmin } from '../../repository/key-holders.ts';
import { findLocation } from '../../workers/configuration.ts';
import { credentialsOf } from '../../workers/dependencies.ts';
import { readPassphrases, withPassphrases, type PassphraseOptions } from '../keys/passphrase-options.ts';
import { openTerminal, type Terminal } from '../keys/terminal.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { table } from '../output/table.ts';
import { withSession } from '../session.ts';

interface AddOptions extends LocationOptions, PassphraseOptions {
  readonly recipient?: string;
  readonly label: string;
}

interface RotateOptions extends LocationOptions, PassphraseOptions {
  readonly dropPassphrases?: boolean;
  readonly dropUnknown?: boolean;
}

export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('who can open the repository of a location');
  withOutput(withLocation(keys.command('ls').alias('list').alias('get')))
    .description('list the keys that open it')
    .action(async (options: LocationOptions & OutputOptions) => {
      await list(options);
    });
  withPassphrases(withLocation(keys.command('add')), 'the new passphrase')
    .description('let somebody else open it: an age recipient or a passphrase')
    .option('--recipient <recipient>', 'age recipient, age1...')
    .option('--label <text>', 'whose key it is', '')
    .action(async (options: AddOptions) => {
      await add(options);
    });
  withLocation(keys.command('revoke <id>'))
    .description('take a key away; follow it with "keys rotate"')
    .option('--yes', 'also when it is the last key, or the one in use')
    .action(async (id: string, options: LocationOptions & { readonly yes?: boolean }) => {
      await revoke(id, options);
    });
  withPassphrases(withLocation(keys.command('rotate')), 'the passphrase of a key')
    .description('seal everything from now on with a new data key, for all keys that are listed; nothing stored is rewritten')
    .option('--drop-passphrases', 'leave out passphrases that are not given')
    .option('--drop-unknown', 'leave out keys of which nobody knows whose they are')
    .action(async (options: RotateOptions) => {
      await rotate(options);
    });
}

async function list(options: LocationOptions & OutputOptions): Promise<void> {
  const { listHolders } = await import('../../repository/key-changes.ts');
  await withKeys(options, async (admin, location) => {
    const rows = await listHolders(admin);
    printAnswer(options.output, {
      data: {
        location,
        dataKey: admin.keys.newest.dataKey.number,
        keys: rows.map(({ holder, ...state }) => ({ ...holder, ...state })),
      },
      names: rows.map(({ holder }) => `key/${holder.id}`),
      table: (wide) =>
        table(
          ['ID', 'LABEL', 'TYPE', 'ADDED', 'IN USE', 'STATE', ...(wide ? ['RECIPIENT'] : [])],
          rows.map((row) => [
            row.holder.id,
            row.holder.label,
            row.holder.type,
            row.holder.addedAt,
            row.opens ? 'yes' : '',
            stateOf(row),
            ...(wide ? [row.holder.recipient] : []),
          ]),
        ),
    });
  });
}

function stateOf({ known, current }: HolderRow): string {
  if (!known) return 'unknown';
  return current ? 'current' : 'older data only';
}

async function add(options: AddOptions): Promise<void> {
  const { addKey } = await import('../../repository/key-changes.ts');
  await withKeys(options, async (admin, _location, terminal) => {
    const passphrases = await readPassphrases(options, terminal);
    const targets: AgeTarget[] = [
      ...(options.recipient === undefined ? [] : [{ recipient: options.recipient }]),
      ...passphrases.map((passphrase) => ({ passphrase })),
    ];
    const [target, ...more] = targets;
    if (!target || more.length > 0) {
      throw new HoldfastError(FailureType.BadInput, 'give one of --recipient, --passphrase, --passphrase-file and --passphrase-env');
    }
    const { holder, existed } = await addKey(admin, target, { label: options.label, at: new Date().toISOString() });
    process.stdout.write(`key ${holder.id} ${existed ? 'opens it already' : 'added'}\n`);
  });
}

async function revoke(id: string, options: LocationOptions & { readonly yes?: boolean }): Promise<void> {
  const { revokeKey } = await import('../../repository/key-changes.ts');
  await withKeys(options, async (admin) => {
    const { holder, locked } = await revokeKey(admin, id, { force: options.yes ?? false });
    if (locked.length > 0) {
      throw new HoldfastError(
        FailureType.Locked,
        `${admin.store.url}: ${locked.join(', ')} cannot be deleted yet: the store has locked it`,
        {
          advice: 'key ' + holder.id + ' still opens what was written so far; take its access to the store away',
        },
      );
    }
    process.stdout.write(`key ${holder.id} revoked\n`);
    note('whoever had it can still read what he copied before, and whatever comes with the same data key: now run "holdfast keys rotate"');
  });
}

async function rotate(options: RotateOptions): Promise<void> {
  const { rotateKeys } = await import('../../repository/key-rotation.ts');
  await withKeys(options, async (admin, _location, terminal) => {
    const own = admin.credentials.passphrase;
    const given = await readPassphrases(options, terminal, (asked) => askPassphrase(asked));
    const result = await rotateKeys(admin, {
      passphrases: [...(own === undefined ? [] : [own]), ...given],
      dropPassphrases: options.dropPassphrases ?? false,
      dropUnknown: options.dropUnknown ?? false,
      at: new Date().toISOString(),
    });
    process.stdout.write(
      `data key ${result.number} in use since manifest ${result.sequence}${result.finished ? ': finished what was begun' : ''}\n`,
    );
    for (const { id, label, type } of result.holders) note(`has it: key ${id} (${type}${label === '' ? '' : `, ${label}`})`);
    for (const { id, label, type } of result.dropped) note(`left out: key ${id} (${type}${label === '' ? '' : `, ${label}`})`);
    for (const key of result.locked) note(`${key} is locked by the store and stays for now: it opens older data only`);
  });
}

async function askPassphrase(terminal: Terminal | undefined): Promise<string> {
  if (!terminal) {
    throw new HoldfastError(FailureType.BadInput, 'there is no terminal to ask for the passphrase', {
      advice: 'give --passphrase-file or --passphrase-env',
    });
  }
  return terminal.askHidden('Passphrase');
}

async function withKeys(
  options: LocationOptions,
  work: (admin: KeyAdmin, location: string, terminal: Terminal | undefined) => Promise<void>,
): Promise<void> {
  const { openKeyAdmin } = await import('../../repository/key-holders.ts');
  await withSession(async (session) => {
    const location = findLocation(session.configuration, options.location);
    const store = await session.services.store(location.name);
    const terminal = openTerminal();
    const credentials = await credentialsOf(location, terminal && ((question) => terminal.askHidden(question)));
    const maintenance = await session.services.store(location.name, { maintenance: true });
    await work(await openKeyAdmin({ store, maintenance }, credentials), location.name, terminal);
  });
}
