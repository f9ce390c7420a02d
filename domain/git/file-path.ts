import type { ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { resourceKey } from '../resource/identity.ts';
import { escapedName, unescapedName } from './path-name.ts';

/** The folder of cluster-scoped objects. No namespace can be called so. */
const CLUSTER_FOLDER = '_cluster';
const MANIFEST = '.yaml';
const SEALED = '.yaml.age';
/** File systems allow 255 bytes a name, the ending included. */
const LONGEST = 200;
/** Ends a folder that holds the beginning of a name which is too long for one file name. */
const GOES_ON = '%~';

/** What a path of the layout stands for. */
export interface ObjectFile {
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  readonly group: string;
  /** Plural. */
  readonly resource: string;
  readonly name: string;
  /** Encrypted with age. */
  readonly sealed: boolean;
}

/**
 * `shop/deployments.apps/web.yaml`, `_cluster/namespaces/shop.yaml`. Every object has its own path, also on file systems that do not tell upper case
 * from lower, and no name leads out of its folder: what is not `a-z 0-9 . _ -` is written as `%xx`.
 */
export function filePath({ type, namespace, name }: ObjectRef, sealed = false): string {
  const folder = namespace === '' ? CLUSTER_FOLDER : escapedName(namespace);
  return `${folder}/${escapedName(resourceKey(type))}/${inPieces(escapedName(name))}${sealed ? SEALED : MANIFEST}`;
}

/** The object that a path of the layout stands for; undefined for every other file. */
export function objectFileOf(path: string): ObjectFile | undefined {
  const [folder = '', kind = '', ...rest] = path.split('/');
  const file = rest.join('');
  const ending = [SEALED, MANIFEST].find((known) => file.endsWith(known));
  if (ending === undefined) return undefined;
  const name = unescapedName(
    rest
      .map((piece) => (piece.endsWith(GOES_ON) ? piece.slice(0, -GOES_ON.length) : piece))
      .join('')
      .slice(0, -ending.length),
  );
  const [resource = '', ...group] = kind.split('.');
  const found: ObjectFile = {
    namespace: folder === CLUSTER_FOLDER ? '' : unescapedName(folder),
    group: group.join('.'),
    resource,
    name,
    sealed: ending === SEALED,
  };
  // Whatever Holdfast would write otherwise is not its own.
  const ref = { type: typeOf(found), namespace: found.namespace, name };
  return name !== '' && folder !== '' && filePath(ref, found.sealed) === path ? found : undefined;
}

/** The kind of a file, as far as its path tells it: version and kind are in the file. */
export function typeOf({ namespace, group, resource }: Pick<ObjectFile, 'namespace' | 'group' | 'resource'>): ResourceType {
  return { group, version: '', kind: '', resource, namespaced: namespace !== '' };
}

function inPieces(name: string): string {
  const pieces = name.match(new RegExp(`.{1,${LONGEST}}`, 'g')) ?? [];
  return pieces.join(`${GOES_ON}/`);
}
