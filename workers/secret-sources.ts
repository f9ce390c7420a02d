import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { runSecretCommand } from './secret-command.ts';

/** Where a secret is found. The configuration never holds one itself. */
export const SecretSource = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
  /** A program and its arguments, for a key management service: what it prints is the secret. Run without a shell. */
  z.strictObject({ command: z.array(z.string()).min(1) }),
]);
export type SecretSource = z.infer<typeof SecretSource>;

/** Reads a secret where the configuration says it is. The value, and what a command prints, appear in no message. */
export async function readSecret(source: SecretSource, what: string): Promise<string> {
  if ('command' in source) return runSecretCommand(source.command, what);
  if ('env' in source) {
    const value = process.env[source.env];
    if (value) return value;
    throw new HoldfastError(FailureType.BadInput, `${what}: environment variable ${source.env} is not set`, {
      advice: 'set it and try again',
    });
  }
  try {
    return await readFile(source.file, 'utf8');
  } catch (error) {
    throw new HoldfastError(
      FailureType.BadInput,
      `${what}: ${source.file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
      {
        advice: 'bring the file back or change the location with `holdfast location add`',
        cause: error,
      },
    );
  }
}

/** For lists and messages: where a secret comes from, in a few characters. */
export function sourceText(source: SecretSource): string {
  if ('file' in source) return source.file;
  return 'env' in source ? `$${source.env}` : `output of ${source.command[0] ?? ''}`;
}

/** A command line as words, without a shell: blanks separate, quotes of both kinds keep together. `BadInput` for an open quote or no word. */
export function commandWords(line: string): string[] {
  const words: string[] = [];
  const word = /\s+|((?:[^\s'"]|'[^']*'|"[^"]*")+)/gy;
  while (word.lastIndex < line.length) {
    const match = word.exec(line);
    if (!match) throw new HoldfastError(FailureType.BadInput, 'the command has a quote that does not end', { advice: 'close it' });
    const [, found] = match;
    if (found !== undefined) words.push(found.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  if (words.length === 0) throw new HoldfastError(FailureType.BadInput, 'the command is empty', { advice: 'name a program' });
  return words;
}
