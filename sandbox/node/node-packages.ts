import { execFile } from 'node:child_process';
import { access, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { executableOnPath } from '../find-tool.ts';
import { NODE_PATH } from './node-path.ts';

/** What of the operating system a node needs, and the Debian package that has it. */
const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  ['containerd', ['containerd', 'ctr', 'containerd-shim-runc-v2']],
  ['runc', ['runc']],
  ['iproute2', ['ip']],
  ['iptables', ['iptables']],
  ['util-linux', ['unshare', 'nsenter', 'setpriv']],
  ['tar', ['tar']],
];
/** Debian's folder of CNI plugins, and that of the plugins' own releases. */
const PLUGIN_FOLDERS: readonly string[] = ['/usr/lib/cni', '/opt/cni/bin'];
const PLUGINS = ['bridge', 'host-local', 'loopback'];
/** The start of a program names the loader of its shared libraries, if it has any. */
const PROGRAM_HEAD_BYTES = 4096;

/** Why a node cannot run here whatever is installed; undefined when it can. */
export function whyNoNode(): string | undefined {
  if (process.platform !== 'linux') return `a node needs Linux, and this is ${process.platform}`;
  return process.getuid?.() === 0 ? undefined : 'a node needs root';
}

/** The Debian packages of which a node needs something that is not on this machine, or not in other places to look in. */
export async function missingPackages(path: string = NODE_PATH, pluginFolders = PLUGIN_FOLDERS): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const [name, programs] of PROGRAMS) {
    const found = await Promise.all(programs.map((program) => executableOnPath(path, program)));
    if (found.includes(undefined)) missing.push(name);
  }
  if ((await pluginFolder(pluginFolders)) === undefined) missing.push('containernetworking-plugins');
  if ((await staticBusybox(path)) === undefined) missing.push('busybox-static');
  return missing;
}

/** The command that installs Debian packages, for people. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get install --no-install-recommends ${packages.join(' ')}`;
}

/** Installs Debian packages. `Unavailable` with the last words of apt-get when that fails, `NotFound` where there is no apt-get. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  if ((await executableOnPath(NODE_PATH, 'apt-get')) === undefined) {
    throw new HoldfastError(FailureType.NotFound, 'there is no apt-get on this machine', {
      advice: `install what is in Debian's packages ${packages.join(', ')} by other means`,
    });
  }
  const aptGet = (...args: readonly string[]) =>
    promisify(execFile)('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 50_000_000 });
  const install = () => aptGet('install', '--yes', '--no-install-recommends', ...packages);
  try {
    // The lists may never have been fetched, or name versions that are gone.
    await install().catch(() => aptGet('update').then(install));
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trimEnd().split('\n').at(-1) : String(error);
    throw new HoldfastError(FailureType.Unavailable, `apt-get could not install ${packages.join(', ')}: ${said ?? ''}`, {
      advice: `see what it says: ${installCommand(packages)}`,
    });
  }
}

/** Where the CNI plugins are, all that a node needs. */
export async function pluginFolder(folders = PLUGIN_FOLDERS): Promise<string | undefined> {
  for (const folder of folders) {
    if ((await Promise.all(PLUGINS.map((plugin) => isThere(join(folder, plugin))))).every(Boolean)) return folder;
  }
  return undefined;
}

/** A busybox that needs no shared library: the base of the images. */
export async function staticBusybox(searchPath: string = NODE_PATH): Promise<string | undefined> {
  const busybox = await executableOnPath(searchPath, 'busybox');
  return busybox !== undefined && (await needsNoLoader(busybox)) ? busybox : undefined;
}

async function needsNoLoader(program: string): Promise<boolean> {
  const file = await open(program);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PROGRAM_HEAD_BYTES));
    return !buffer.subarray(0, bytesRead).includes('/ld-');
  } finally {
    await file.close();
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
