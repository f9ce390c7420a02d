import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { copyInto } from './image-archive.ts';
import type { Image } from './image-archive.ts';
import { installCommand, staticBusybox } from './node-packages.ts';

/** containerd starts each pod with this one; all it does is to be there. */
export const PAUSE_IMAGE = 'docker.io/holdfast/pause:1';

const PATH = '/usr/bin:/bin';
const CA_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

export function pauseImage(): Image {
  return {
    name: 'holdfast/pause:1',
    entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done'],
    environment: { PATH },
    fill: fillBase,
  };
}

/** `holdfast/busybox:1`: a shell and the usual small programs. */
export function busyboxImage(): Image {
  return { name: 'holdfast/busybox:1', entrypoint: ['/bin/sh'], environment: { PATH }, fill: fillBase };
}

/** `holdfast/restic:0.18.1`: what copies volumes; with a shell, and the authorities that this machine trusts. */
export function resticImage(restic: string): Image {
  return {
    name: 'holdfast/restic:0.18.1',
    entrypoint: ['/usr/bin/restic'],
    environment: { PATH, HOME: '/tmp' },
    fill: async (root) => {
      await fillBase(root);
      await copyInto(root, restic, '/usr/bin/restic');
      // A machine without them can still reach stores that bring their own authority.
      await copyInto(root, CA_CERTIFICATES).catch(() => undefined);
    },
  };
}

/** The files of every image: busybox under all its names, root and nobody as users, and /tmp. */
export async function fillBase(root: string): Promise<void> {
  const busybox = await staticBusybox();
  if (busybox === undefined) {
    throw new HoldfastError(FailureType.NotFound, 'there is no statically linked busybox on this machine', {
      advice: `run: ${installCommand(['busybox-static'])}`,
    });
  }
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'usr/bin', 'var/tmp']) await mkdir(join(root, folder), { recursive: true });
  for (const folder of ['tmp', 'var/tmp']) await chmod(join(root, folder), 0o1777);
  await copyInto(root, busybox, '/bin/busybox');
  const { stdout } = await promisify(execFile)(busybox, ['--list']);
  const names = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  await promisify(execFile)('sh', ['-c', 'cd "$0" && for name; do ln -s busybox "$name"; done', join(root, 'bin'), ...names]);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/false\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
}
