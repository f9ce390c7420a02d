import { BUILTIN_SHORT_NAMES } from '../selection/builtin-names.ts';

/**
 * The kinds (`plural.group`) that a name may stand for, with nothing known of the cluster but the folders of a branch: plural, singular or short name,
 * with or without the group. The name itself is the last of them, for kinds that the branch has no more.
 */
export function kindFolders(name: string, folders: Iterable<string>): readonly string[] {
  const wanted = name.toLowerCase();
  const found = [...folders, ...BUILTIN_SHORT_NAMES.keys()].filter((folder) => names(folder).includes(wanted));
  return [...new Set([...found, wanted])];
}

function names(folder: string): readonly string[] {
  const [plural = '', ...rest] = folder.split('.');
  const group = rest.join('.');
  const words = [plural, ...singulars(plural), ...(BUILTIN_SHORT_NAMES.get(folder) ?? [])];
  return words.flatMap((word) => [word, ...(group === '' ? [] : [`${word}.${group}`])]);
}

/** How Kubernetes makes plurals, undone. */
function singulars(plural: string): readonly string[] {
  return [plural.replace(/s$/, ''), plural.replace(/es$/, ''), plural.replace(/ies$/, 'y')].filter((word) => word !== plural);
}
