import { chmod, mkdir, truncate, writeFile } from 'node:fs/promises';
import { runProgram } from './run-program.ts';

/** An empty folder that every user may write to, or a file of holes that has the device's size. */
export async function makeEmpty(path: string, { isBlock, bytes }: { readonly isBlock: boolean; readonly bytes: number }): Promise<void> {
  if (isBlock) {
    await writeFile(path, '');
    await truncate(path, bytes);
    return;
  }
  await mkdir(path);
  await chmod(path, 0o777);
}

/** Copies a folder or a device's file with everything that a file system knows of it; where the file system can, without copying bytes. */
export async function copyContent(from: string, to: string): Promise<void> {
  await runProgram('cp', '--archive', '--reflink=auto', '--sparse=always', '--no-target-directory', from, to);
}
