import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/**
 * The real path of a volume's folder, file or device when it is below `root` after every symbolic link has been followed; undefined when it
 * is elsewhere, so that no manifest can point a mover at the rest of the machine. What does not exist yet counts by the folder it would be in.
 */
export function placeBelow(root: string, path: string): string | undefined {
  if (path === '' || path.includes('\0')) return undefined;
  const realRoot = realpathSync(root);
  const real = realOf(resolve(path));
  const inside = relative(realRoot, real);
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) ? undefined : real;
}

/** As `placeBelow`, and it is there: with `create` the folder is made. Rejects with `Forbidden` elsewhere and `NotFound` without it. */
export function existingPlace(root: string, path: string, options: { readonly create: boolean }): string {
  const place = placeBelow(root, path);
  if (place === undefined) {
    const advice = 'volumes of a sandbox without nodes are below the folder that its kubeconfig names';
    throw new HoldfastError(FailureType.Forbidden, `volume folder ${path}: is not below ${root}`, { advice });
  }
  if (options.create) mkdirSync(place, { recursive: true });
  if (!exists(place)) {
    throw new HoldfastError(FailureType.NotFound, `volume folder ${path}: does not exist`, {
      advice: 'check the path of the PersistentVolume',
    });
  }
  // What was made may have been swapped for a link meanwhile.
  const now = placeBelow(root, place);
  if (now === place) return place;
  throw new HoldfastError(FailureType.Forbidden, `volume folder ${path}: was replaced while it was looked at`);
}

/** The real path of the part that exists, and the rest as it is written. A link to nothing is nowhere below the root. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    if (parent === path || isLink(path)) return sep;
    return join(realOf(parent), path.slice(parent.length));
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
