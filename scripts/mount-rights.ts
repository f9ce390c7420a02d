import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountDisk } from '../test/support/small-disk.ts';

/** Why tests cannot mount file systems here; undefined when they can. Tries it. */
export async function missingMountRights(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-mount-'));
  try {
    (await mountDisk(join(folder, 'disk'), 1)).unmount();
    return undefined;
  } catch {
    return 'mounting a file system takes root, or sudo without a password';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
