import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runProgram } from './run-program.ts';

/** Mounts a volume's folder at a path that kubelet has chosen. Done twice it does no harm. */
export async function mountFolder(content: string, target: string, isReadOnly: boolean): Promise<void> {
  if (await isMounted(target)) return;
  await mkdir(target, { recursive: true });
  await runProgram('mount', '-o', isReadOnly ? 'bind,ro' : 'bind', content, target);
}

/** The same for a volume that is a device: its file gets a loop device, one for all pods. */
export async function mountDevice(content: string, target: string): Promise<void> {
  if (await isMounted(target)) return;
  const [known] = await loopDevicesOf(content);
  const device = known ?? (await runProgram('losetup', '--find', '--show', content)).trim();
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, '', { flag: 'a' });
  await runProgram('mount', '-o', 'bind', device, target);
}

/** Takes the mount and its place away. Done twice it does no harm. */
export async function unmount(target: string): Promise<void> {
  while (await isMounted(target)) await runProgram('umount', target);
  // Never recursively: what is not ours stays.
  await rmdir(target).catch(() => rm(target, { force: true }));
}

/** Everything written to the device is in its file afterwards. */
export async function flushDevice(content: string): Promise<void> {
  for (const device of await loopDevicesOf(content)) await runProgram('sync', device);
}

export async function releaseDevice(content: string): Promise<void> {
  for (const device of await loopDevicesOf(content)) await runProgram('losetup', '--detach', device);
}

async function loopDevicesOf(content: string): Promise<readonly string[]> {
  const said = await runProgram('losetup', '--associated', content, '--noheadings', '--output', 'NAME');
  return said
    .split('\n')
    .map((line) => line.trim())
    .filter((name) => name !== '');
}

/** kubelet's paths have nothing in them that the list of mounts would write differently. */
async function isMounted(target: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  return mounts.split('\n').some((line) => line.split(' ')[4] === target);
}
