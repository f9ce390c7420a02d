import { FileFate } from '../../contracts/git.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { resourceKey } from '../resource/identity.ts';
import type { NamedChange } from './commit-message.ts';
import { objectFileOf, typeOf } from './file-path.ts';
import { ReleaseFile, releaseFileOf, releasePath } from './release-files.ts';

/** The files of a branch as they are, and as they should be: path to blob. */
export interface Comparison {
  readonly head: ReadonlyMap<string, string>;
  readonly wanted: ReadonlyMap<string, string>;
}

/** What the changed paths stand for, as a commit's message tells it: an object each; the files of a Helm release are one. */
export function namedChanges(paths: Iterable<string>, comparison: Comparison, types: readonly ResourceType[]): readonly NamedChange[] {
  const kinds = new Map(types.map((type) => [resourceKey(type), type.kind]));
  const named = new Map([...paths].map((path) => namedChange(path, comparison, kinds)));
  return [...named.values()];
}

function namedChange(path: string, comparison: Comparison, kinds: ReadonlyMap<string, string>): readonly [string, NamedChange] {
  const release = releaseFileOf(path);
  if (release) {
    const { namespace, name } = release;
    const own = Object.values(ReleaseFile).flatMap((file) => [releasePath(release, file), releasePath(release, file, true)]);
    return [`${namespace}/${name}`, { fate: fateOf(own, comparison), kind: 'release', namespace, name }];
  }
  const file = objectFileOf(path);
  const key = file ? resourceKey(typeOf(file)) : '';
  const change = { fate: fateOf([path], comparison), kind: kinds.get(key) ?? key };
  return [path, { ...change, namespace: file?.namespace ?? '', name: file?.name ?? path }];
}

function fateOf(paths: readonly string[], { head, wanted }: Comparison): FileFate {
  if (!paths.some((path) => wanted.has(path))) return FileFate.Deleted;
  return paths.some((path) => head.has(path)) ? FileFate.Changed : FileFate.Created;
}
