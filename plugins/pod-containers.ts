import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { field, isObject, listAt, textAt } from '../domain/resource/fields.ts';

/** Where a container sees a claim. */
export interface ClaimMount {
  readonly claim: string;
  /** Folder in the container. */
  readonly mountPath: string;
  /** Folder of the volume that is mounted there, '' for its root. */
  readonly subPath: string;
}

/** A folder of a volume. */
export interface ClaimPath {
  readonly claim: string;
  /** Below the volume's root, which is ''. */
  readonly path: string;
}

export function nameOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'name');
}

/** Commands can be run in it: it runs and is not on its way out. */
export function isRunning(pod: JsonObject): boolean {
  return textAt(pod, 'status', 'phase') === 'Running' && field(pod, 'metadata', 'deletionTimestamp') === undefined;
}

export function containersOf(pod: JsonObject): readonly JsonObject[] {
  return listAt(pod, 'spec', 'containers').filter((container) => isObject(container));
}

/** The container of that name; the first with ''. `BadInput` when there is none. */
export function containerNamed(pod: JsonObject, name: string): JsonObject {
  const containers = containersOf(pod);
  const found = name === '' ? containers[0] : containers.find((container) => field(container, 'name') === name);
  if (found) return found;
  const names = containers.map((container) => textAt(container, 'name')).join(', ');
  throw new HoldfastError(FailureType.BadInput, `pod ${textAt(pod, 'metadata', 'namespace')}/${nameOf(pod)} has no container "${name}"`, {
    advice: `name one of ${names} in the annotation`,
  });
}

/** The first container whose image is one of these, by the last word of its repository (`docker.io/library/postgres:15` is `postgres`). */
export function containerWithImage(pod: JsonObject, isWanted: (imageName: string) => boolean): JsonObject | undefined {
  return containersOf(pod).find((container) => isWanted(imageName(textAt(container, 'image'))));
}

/** The claims that a container mounts, longest mount path first, so that the first one that holds a file is its own. */
export function claimMounts(pod: JsonObject, container: JsonObject): readonly ClaimMount[] {
  const claimOf = new Map(
    listAt(pod, 'spec', 'volumes').map((volume) => [textAt(volume, 'name'), textAt(volume, 'persistentVolumeClaim', 'claimName')]),
  );
  return listAt(container, 'volumeMounts')
    .map((mount) => ({
      claim: claimOf.get(textAt(mount, 'name')) ?? '',
      mountPath: textAt(mount, 'mountPath').replace(/(.)\/+$/, '$1'),
      subPath: trimSlashes(textAt(mount, 'subPath') || textAt(mount, 'subPathExpr')),
    }))
    .filter(({ claim }) => claim !== '')
    .sort((a, b) => b.mountPath.length - a.mountPath.length);
}

/** The claims of `claimMounts`, each once, in order of their names. */
export function claimsOf(mounts: readonly ClaimMount[]): readonly string[] {
  return [...new Set(mounts.map(({ claim }) => claim))].sort();
}

/** The claims that hold one of these folders of the container, or something in it, each once, in order of their names. */
export function claimsHolding(mounts: readonly ClaimMount[], folders: readonly string[]): readonly string[] {
  const around = folders.flatMap((folder) => locateInClaims(mounts, folder)?.claim ?? []);
  const within = mounts.filter(({ mountPath }) => folders.some((folder) => mountPath.startsWith(`${folder}/`)));
  return [...new Set([...around, ...claimsOf(within)])].sort();
}

/** Where a path of the container lies; undefined when no claim holds it. */
export function locateInClaims(mounts: readonly ClaimMount[], path: string): ClaimPath | undefined {
  const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(mountPath === '/' ? '/' : `${mountPath}/`));
  if (!mount) return undefined;
  const below = trimSlashes(path.slice(mount.mountPath.length));
  return { claim: mount.claim, path: [mount.subPath, below].filter((part) => part !== '').join('/') };
}

/** Mounts as they lie in a task's settings, read back. */
export function readMounts(settings: Json | undefined): readonly ClaimMount[] {
  return listAt(settings, 'mounts').map((mount) => ({
    claim: textAt(mount, 'claim'),
    mountPath: textAt(mount, 'mountPath'),
    subPath: textAt(mount, 'subPath'),
  }));
}

function imageName(image: string): string {
  const repository = image.replace(/@.*$/, '');
  const last = repository.split('/').at(-1) ?? '';
  return last.replace(/:.*$/, '').toLowerCase();
}

function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
