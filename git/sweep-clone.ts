import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes what a git that was killed has left in a clone: locks, which would keep the next one out, and packs that did not come whole, which would stay
 * for weeks. For whoever has the clone alone. A git that is still running somewhere fails then; it is nobody's any more.
 */
export async function sweepClone(clone: string): Promise<void> {
  const [top, refs, packs] = await Promise.all([
    namesIn(clone),
    namesIn(join(clone, 'refs'), true),
    namesIn(join(clone, 'objects', 'pack')),
  ]);
  const left = [
    ...top.filter(isLock).map((name) => join(clone, name)),
    ...refs.filter(isLock).map((name) => join(clone, 'refs', name)),
    ...packs.filter((name) => name.startsWith('tmp_') || isLock(name)).map((name) => join(clone, 'objects', 'pack', name)),
  ];
  await Promise.all(left.map((path) => rm(path, { force: true })));
}

/** No branch is called so: Git does not allow it. */
function isLock(name: string): boolean {
  return name.endsWith('.lock');
}

async function namesIn(folder: string, recursive = false): Promise<readonly string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch {
    return [];
  }
}
