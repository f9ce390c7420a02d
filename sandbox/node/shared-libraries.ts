import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { copyInto } from './image-archive.ts';

/** Copies programs of this machine into an image's folder with the shared libraries that they need, from where this machine's loader finds them. */
export async function copyPrograms(root: string, programs: readonly string[]): Promise<void> {
  for (const program of programs) await copyInto(root, program);
  await copyLibrariesOf(root, programs);
}

/** Copies what these programs and libraries need. What is no binary needs nothing. */
export async function copyLibrariesOf(root: string, files: readonly string[]): Promise<void> {
  // It fails for what is no binary, and has then said the rest all the same.
  const { stdout } = await promisify(execFile)('ldd', files).catch((error: unknown) => error as { stdout: string });
  const libraries = new Set<string>();
  for (const [, library = ''] of stdout.matchAll(/(?:=>\s+|^\s+)(\/\S+) \(0x/gm)) libraries.add(library);
  for (const library of libraries) await copyInto(root, library);
}
