import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { differingFields } from './difference.ts';
import { changeAt, dropAt, field, isList, isObject, objectAt, without } from './fields.ts';
import { resourceKey } from './identity.ts';
import { ownerKey, ownersOf } from './ownership.ts';
import type { Owner } from './ownership.ts';
import { sanitise } from './sanitise.ts';

interface CompareOptions {
  readonly type: ResourceType;
  readonly preserveNodePorts: boolean;
  /** Owners that cannot be linked (neither restored nor in the cluster) are not missed on the live object. */
  readonly ownerPresent: (owner: Owner) => boolean;
}

export interface Comparison {
  readonly equal: boolean;
  /** JSON pointers, at most 20. Never values. */
  readonly fields: readonly string[];
}

/** Finalizers that controllers of the cluster put on objects by themselves. */
const INJECTED_FINALIZERS: ReadonlySet<Json> = new Set([
  'batch.kubernetes.io/job-tracking',
  'customresourcecleanup.apiextensions.k8s.io',
  'external-provisioner.volume.kubernetes.io/finalizer',
  'kubernetes.io/pv-protection',
  'kubernetes.io/pvc-protection',
  'service.kubernetes.io/load-balancer-cleanup',
]);

const SCALED_KINDS: ReadonlySet<string> = new Set(['deployments.apps', 'replicasets.apps', 'replicationcontrollers', 'statefulsets.apps']);

/** What controllers fill in after the object is created, beyond what `sanitise` drops. */
const NOISE: ReadonlyMap<string, (object: JsonObject) => JsonObject> = new Map([
  ['persistentvolumeclaims', (claim: JsonObject) => dropAt(claim, ['spec'], ['volumeName'])],
  ['replicasets.apps', (set: JsonObject) => dropAt(set, ['metadata', 'annotations'], (key) => key.startsWith('deployment.kubernetes.io/'))],
  [
    'endpoints',
    (endpoints: JsonObject) => dropAt(endpoints, ['metadata', 'annotations'], ['endpoints.kubernetes.io/last-change-trigger-time']),
  ],
  [
    'endpointslices.discovery.k8s.io',
    (slice: JsonObject) => dropAt(slice, ['metadata', 'annotations'], ['endpoints.kubernetes.io/last-change-trigger-time']),
  ],
  ['clusterroles.rbac.authorization.k8s.io', withoutAggregatedRules],
]);

/**
 * Compares a captured object (its namespaces mapped, not sanitised) with the live one. Both are sanitised by the same rules, what
 * controllers fill in is ignored, and owner references are compared by kind and name, because uids differ in every cluster.
 */
export function compareObjects(captured: JsonObject, live: JsonObject, options: CompareOptions): Comparison {
  const linkable = ownerNames(captured, options.ownerPresent);
  const [wanted, found] = withoutOpenReplicas(
    comparable(captured, options, linkable),
    comparable(
      live,
      options,
      ownerNames(live, () => true),
    ),
    options.type,
  );
  const fields = differingFields(wanted, found);
  return { equal: fields.length === 0, fields };
}

/**
 * The form in which objects are compared: sanitised, without what controllers fill in. `owners` (see `ownerKey`) take the place of the
 * owner references. Keys keep the order in which they came.
 */
export function comparable(
  object: JsonObject,
  options: Pick<CompareOptions, 'type' | 'preserveNodePorts'>,
  owners: readonly string[],
): JsonObject {
  const { type, preserveNodePorts } = options;
  const clean = withoutInjectedFinalizers(sanitise(object, type, { preserveNodePorts, restoresVolume: () => false }));
  const quiet = withoutEmptyMaps(NOISE.get(resourceKey(type))?.(clean) ?? clean);
  return owners.length === 0 ? quiet : { ...quiet, metadata: { ...objectAt(quiet, 'metadata'), ownerReferences: owners } };
}

/** An API server always says how many replicas a workload has. One that does not is from Git, and leaves that to its autoscaler. */
function withoutOpenReplicas(a: JsonObject, b: JsonObject, type: ResourceType): readonly [JsonObject, JsonObject] {
  const isOpen = (object: JsonObject): boolean => field(object, 'spec', 'replicas') === undefined;
  if (!SCALED_KINDS.has(resourceKey(type)) || isOpen(a) === isOpen(b)) return [a, b];
  return [dropAt(a, ['spec'], ['replicas']), dropAt(b, ['spec'], ['replicas'])];
}

function ownerNames(object: JsonObject, counts: (owner: Owner) => boolean): readonly string[] {
  return ownersOf(object).filter(counts).map(ownerKey).sort();
}

function withoutInjectedFinalizers(object: JsonObject): JsonObject {
  return changeAt(object, ['metadata', 'finalizers'], (finalizers) => {
    const kept = isList(finalizers) ? finalizers.filter((finalizer) => !INJECTED_FINALIZERS.has(finalizer)) : [];
    return kept.length === 0 ? undefined : kept;
  });
}

/** The rules of an aggregating ClusterRole are written by its controller. */
function withoutAggregatedRules(role: JsonObject): JsonObject {
  return isObject(field(role, 'aggregationRule')) ? without(role, ['rules']) : role;
}

/** To the API server an empty map of labels or annotations is none. */
function withoutEmptyMaps(object: JsonObject): JsonObject {
  return ['labels', 'annotations'].reduce(
    (current, key) =>
      changeAt(current, ['metadata', key], (value) => (isObject(value) && Object.keys(value).length === 0 ? undefined : value)),
    object,
  );
}
