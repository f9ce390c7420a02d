import { execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Tool } from './tool-catalogue.ts';

const run = promisify(execFile);
const VERSION_PATIENCE_MS = 10_000;

/** The path of an executable file in one folder, or undefined. */
export async function executableIn(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The first executable file of that name on a PATH. Relative entries are left out: they would mean something else in every folder. */
export async function executableOnPath(searchPath: string, name: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = isAbsolute(folder) ? await executableIn(folder, name) : undefined;
    if (path !== undefined) return path;
  }
  return undefined;
}

/** Undefined when the executable can take the place of the pinned tool, otherwise why it cannot. */
export async function whyUnsuitable(tool: Tool, path: string): Promise<string | undefined> {
  let answer: string;
  try {
    const { stdout, stderr } = await run(path, [tool.versionArgument], { timeout: VERSION_PATIENCE_MS });
    answer = `${stdout}\n${stderr}`;
  } catch {
    return `${path} does not say its version`;
  }
  if (tool.versionPattern === undefined) return undefined;
  const [, major, minor] = (tool.versionPattern.exec(answer) ?? []).map(Number);
  if (major === undefined || minor === undefined) return `${path} does not say its version`;
  return isAccepted(tool, major, minor) ? undefined : `${path} is version ${major}.${minor}, not ${tool.module.version}`;
}

function isAccepted(tool: Tool, major: number, minor: number): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = tool.module.version.split('.').map(Number);
  const byRule = {
    any: true,
    'same-minor': major === wantedMajor && minor === wantedMinor,
    'same-major-from-minor': major === wantedMajor && minor >= wantedMinor,
  };
  return byRule[tool.accepts];
}
