import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { BuildOptions } from './build-tools.ts';
import { executableIn, executableOnPath } from './find-tool.ts';
import type { PythonModule, Tool, ToolName } from './tool-catalogue.ts';

const run = promisify(execFile);
const REQUIREMENTS = fileURLToPath(new URL('tools/', import.meta.url));

/**
 * Installs the Python package that brings a tool, in the version and with the hashes that its requirements.txt pins, and returns where the
 * tool is. Nothing of the user's own Python is changed. Rejects with `NotFound` without Python, and with `Unavailable` when pip fails.
 */
export async function installTools(
  module: PythonModule,
  tools: readonly Tool[],
  options: BuildOptions,
): Promise<ReadonlyMap<ToolName, string>> {
  const names = tools.map(({ name }) => name).join(', ');
  const advice = `put ${names} on PATH, or set HOLDFAST_BIN to a folder that has it`;
  const python = await executableOnPath(options.environment['PATH'] ?? '', 'python3');
  if (python === undefined) {
    throw new HoldfastError(FailureType.NotFound, `${names} ${module.version} not found, and no Python 3 to install it with`, { advice });
  }
  options.progress(`installing ${module.version} with pip, once`, 1000 * tools.reduce((sum, { buildSeconds }) => sum + buildSeconds, 0));
  const requirements = join(REQUIREMENTS, module.name, 'requirements.txt');
  const pinned = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--requirement', requirements];
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
  try {
    await run(python, ['-m', 'pip', 'install', ...quiet, '--target', options.folder, ...pinned], {
      env: { ...options.environment },
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new HoldfastError(FailureType.Unavailable, `pip install of ${names} failed: ${lastLine(cause)}`, { advice, cause });
  }
  const bin = join(options.folder, 'bin');
  for (const { name } of tools) {
    if ((await executableIn(bin, name)) !== undefined) continue;
    throw new HoldfastError(FailureType.Unavailable, `pip has installed ${module.version}, but no ${name}`, { advice });
  }
  return new Map(tools.map(({ name }) => [name, join(bin, name)]));
}

function lastLine(error: unknown): string {
  const said = typeof error === 'object' && error !== null && 'stderr' in error ? error.stderr : '';
  return (typeof said === 'string' ? said : '').trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
}
