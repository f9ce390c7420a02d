import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What the program `age` finds in a file: it shares no code with ours. */
export async function openWithAge(file: string, identityFile: string): Promise<string> {
  const { stdout } = await promisify(execFile)('age', ['--decrypt', '--identity', identityFile, file]);
  return stdout;
}
