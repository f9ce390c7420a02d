import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Selection } from '../../contracts/selection.ts';
import { resourceKey } from '../resource/identity.ts';
import { takesRelated } from '../selection/backup-selection.ts';
import { compileSelection } from '../selection/matcher.ts';
import { objectFileOf, typeOf, type ObjectFile } from './file-path.ts';

/** A file that the sync looks after, and that the source has no object for. */
export interface Orphan {
  readonly path: string;
  readonly file: ObjectFile;
  readonly type: ResourceType;
  /** Whether it is an object of the selection depends on what is in the file. */
  readonly needsLook: boolean;
}

interface Ownership {
  /** All of them must take a file for it to be the sync's. */
  readonly selections: readonly Selection[];
  /** Kinds of the source. */
  readonly types: readonly ResourceType[];
}

/**
 * The files of a branch that stand for objects which the selection would take and which are not there any more. Everything else in the branch is
 * somebody else's: other folders, other clusters' kinds, files that are no manifests by their path.
 */
export function orphans(paths: Iterable<string>, kept: ReadonlySet<string>, { selections, types }: Ownership): readonly Orphan[] {
  const candidates = [...paths].flatMap((path) => {
    const file = kept.has(path) ? undefined : objectFileOf(path);
    return file ? [{ path, file, type: knownType(file, types) }] : [];
  });
  const all = [...types, ...new Map(candidates.map(({ type }) => [resourceKey(type), type])).values()];
  const owners = selections.map((selection) => ({ selection, matcher: compileSelection(selection, { types: all }) }));
  const isOwned = ({ file, type }: Omit<Orphan, 'needsLook'>): boolean =>
    isKind(type) &&
    owners.every(({ selection, matcher }) => {
      // Cluster-scoped objects that come along by reference are left to whoever else refers to them.
      if (file.namespace === '' && takesRelated(selection)) return false;
      return matcher.takesType(type) && matcher.takesNamespace(resourceKey(type) === 'namespaces' ? file.name : file.namespace);
    });
  return candidates.filter(isOwned).map((found) => ({ ...found, needsLook: selections.some(isNarrow) }));
}

/** For a file whose path does not say it: would all selections take the object in it? */
export function isSelected(object: JsonObject, type: ResourceType, { selections, types }: Ownership): boolean {
  const known = [...types, type];
  return selections.every((selection) => compileSelection(selection, { types: known }).takes(object, type));
}

function knownType(file: ObjectFile, types: readonly ResourceType[]): ResourceType {
  const type = typeOf(file);
  return types.find((known) => resourceKey(known) === resourceKey(type)) ?? type;
}

/** A folder without a group that no kind is called by may be anything. A kind that is gone with its definition has a group. */
function isKind(type: ResourceType): boolean {
  return type.kind !== '' || type.group !== '';
}

function isNarrow({ labelSelector, orLabelSelectors, objects }: Selection): boolean {
  return labelSelector.trim() !== '' || orLabelSelectors.length > 0 || objects.length > 0;
}
