import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';

const run = promisify(execFile);

/** The folder of a Go module's files, from Go's module cache; downloaded when it is not there. Needs Go. */
export async function goModule(module: string, version: string): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', `${module}@${version}`], { cwd: tmpdir(), maxBuffer: 1 << 24 });
  const { Dir } = JSON.parse(stdout) as { readonly Dir?: string };
  if (Dir === undefined) throw new Error(`${module}@${version} cannot be downloaded: ${stdout}`);
  return Dir;
}
