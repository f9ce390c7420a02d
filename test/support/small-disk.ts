import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';

/** A file system in memory with a size of its own. It takes rights to mount: see scripts/mount-rights.ts. */
export interface SmallDisk {
  readonly folder: string;
  /** Mounts it again with other options (`size=32m`, `ro`); open files stay open. */
  remount(options: string): void;
  unmount(): void;
}

export async function mountDisk(folder: string, sizeMiB: number): Promise<SmallDisk> {
  await mkdir(folder);
  const owner = `uid=${String(process.getuid?.() ?? 0)}`;
  asRoot(['mount', '-t', 'tmpfs', '-o', `size=${String(sizeMiB)}m,mode=700,${owner}`, 'holdfast-test', folder]);
  return {
    folder,
    remount: (options) => {
      asRoot(['mount', '-o', `remount,${options}`, folder]);
    },
    unmount: () => {
      asRoot(['umount', '--lazy', folder]);
    },
  };
}

function asRoot(command: readonly string[]): void {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args, { stdio: 'pipe' });
}
