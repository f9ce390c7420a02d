import { execFileSync } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';

/** Mounts a file system of its own kind, ext4 in a file, as volumes are: it can be frozen. It takes rights to mount: see scripts/mount-rights.ts. */
export async function mountDisk(folder: string, sizeMiB: number): Promise<{ unmount(): void }> {
  const image = `${folder}.img`;
  await writeFile(image, '');
  await truncate(image, sizeMiB * 1_048_576);
  execFileSync('mkfs.ext4', ['-q', image], { stdio: 'pipe' });
  await mkdir(folder);
  asRoot(['mount', '-o', 'loop', image, folder]);
  return {
    unmount: () => {
      // A writer may be on its last breath: what is left of the mount goes with it.
      asRoot(['umount', '--lazy', folder]);
    },
  };
}

function asRoot(command: readonly string[]): void {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args, { stdio: 'pipe' });
}
