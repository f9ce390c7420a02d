import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** A file of the user's, for messages about it. */
export interface UserFile {
  readonly path: string;
  /** Where its form is described. */
  readonly advice: string;
}

/** Reads a YAML or JSON file. `BadInput` in one line that names it. */
export async function readYaml(file: UserFile): Promise<unknown> {
  const text = await readFile(file.path, 'utf8').catch((error: unknown) => {
    throw malformed(file, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  });
  return parseYaml(text, file);
}

export function parseYaml(text: string, file: UserFile): unknown {
  try {
    return parse(text, { maxAliasCount: 10 });
  } catch (error) {
    throw malformed(file, (error as Error).message.split('\n', 1)[0] ?? 'is not YAML');
  }
}

export function malformed({ path, advice }: UserFile, problem: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${path}: ${problem}`, { advice });
}
