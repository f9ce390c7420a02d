import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/*
 * What a volume holds, made and described by a program that shares no code with Holdfast. Names need not be UTF-8 and owners are any, so
 * that Node is the wrong tool for it.
 */

/** Fills a folder with so many files, a fifth of them of `bytes`, a fifth of half of it, and with everything else that a file system can hold. */
export function makeContent(folder: string, files: number, bytes = 10_000): void {
  tree('make', folder, String(files), String(bytes));
}

/** Changes about one file of a hundred. */
export function changeContent(folder: string): void {
  tree('change', folder);
}

/** One line for each entry, without sockets; `whole` also for the folder itself. */
export function describeContent(folder: string, { whole }: { readonly whole: boolean } = { whole: true }): string {
  return tree('describe', folder, ...(whole ? ['all'] : []));
}

function tree(...args: readonly string[]): string {
  return execFileSync('python3', [join(import.meta.dirname, 'tree.py'), ...args], { encoding: 'utf8', maxBuffer: 100_000_000 });
}
