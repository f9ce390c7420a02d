import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { RestoreOptions } from '../../contracts/restore.ts';
import { changeAt, changeEach, dropAt, objectAt, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { parseQuantity } from '../resource/quantity.ts';

/** What a restore changes about storage. */
type StorageOptions = Pick<RestoreOptions, 'storageClassMapping' | 'volumeSizes'>;

/** The class where Kubernetes had it before it was a field. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const CLASS_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Problems of what was asked for, one line each. */
export function storageProblems({ storageClassMapping = {}, volumeSizes = {} }: StorageOptions): readonly string[] {
  const classes = Object.entries(storageClassMapping).flatMap(([from, to]) =>
    [from, to].filter((name) => !CLASS_NAME.test(name)).map((name) => `storage class mapping ${from}:${to}: "${name}" is no storage class`),
  );
  const sizes = Object.entries(volumeSizes).flatMap(([claim, size]) => [
    ...(/^[^/]+\/[^/]+$/.test(claim) ? [] : [`volume size of ${claim}: name the claim as namespace/claim, as it was captured`]),
    ...((parseQuantity(size) ?? 0) > 0 ? [] : [`volume size of ${claim}: "${size}" is no size such as 20Gi`]),
  ]);
  return [...classes, ...sizes];
}

/** The captured object with the storage classes and sizes that were asked for. Pure; the same object where nothing changes. */
export function changeStorage(captured: JsonObject, type: ResourceType, options: StorageOptions): JsonObject {
  const kind = resourceKey(type);
  if (kind === 'statefulsets.apps') {
    return changeEach(captured, ['spec', 'volumeClaimTemplates'], (template) => withClass(template, options));
  }
  if (kind !== 'persistentvolumeclaims' || !movesStorage(captured, options)) return captured;
  const size = sizeOf(captured, options);
  const sized = changeAt(captured, ['spec', 'resources', 'requests', 'storage'], (asked) => size ?? asked);
  return dropAt(withClass(sized, options), ['spec'], ['volumeName']);
}

/**
 * True for a PersistentVolume whose claim gets another class or size: the claim is given a new volume, and this one is neither restored nor
 * bound to it.
 */
export function isLeftBehind(volume: JsonObject, type: ResourceType, options: StorageOptions): boolean {
  if (resourceKey(type) !== 'persistentvolumes') return false;
  const claim = objectAt(volume, 'spec', 'claimRef');
  // A volume without a claim is somebody's own: nothing was asked about it.
  if (textAt(claim, 'name') === '') return false;
  return (
    mappedClass(classOf(volume), options) !== undefined || sizeAt(textAt(claim, 'namespace'), textAt(claim, 'name'), options) !== undefined
  );
}

function movesStorage(claim: JsonObject, options: StorageOptions): boolean {
  return mappedClass(classOf(claim), options) !== undefined || sizeOf(claim, options) !== undefined;
}

function withClass(claim: JsonObject, options: StorageOptions): JsonObject {
  const mapped = mappedClass(classOf(claim), options);
  if (mapped === undefined) return claim;
  const named = changeAt(claim, ['spec', 'storageClassName'], () => mapped);
  return changeAt(named, ['metadata', 'annotations', CLASS_ANNOTATION], () => mapped);
}

function classOf(object: JsonObject): string {
  return textAt(object, 'spec', 'storageClassName') || textAt(object, 'metadata', 'annotations', CLASS_ANNOTATION);
}

function mappedClass(name: string, { storageClassMapping = {} }: StorageOptions): string | undefined {
  const mapped = Object.hasOwn(storageClassMapping, name) ? storageClassMapping[name] : undefined;
  return mapped === name ? undefined : mapped;
}

function sizeOf(claim: JsonObject, options: StorageOptions): string | undefined {
  return sizeAt(textAt(claim, 'metadata', 'namespace'), textAt(claim, 'metadata', 'name'), options);
}

function sizeAt(namespace: string, claim: string, { volumeSizes = {} }: StorageOptions): string | undefined {
  const name = `${namespace}/${claim}`;
  return Object.hasOwn(volumeSizes, name) ? volumeSizes[name] : undefined;
}
