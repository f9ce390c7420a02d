import type { RestoreBatch, RestoreWave } from '../../contracts/activities.ts';
import { STREAMS, type CapturePart, type CapturedResource } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { isBuiltinGroup } from './builtin.ts';
import { resourceKey } from './identity.ts';

interface WaveRule extends RestoreWave {
  /** `plural.group` of its kinds. */
  readonly kinds: readonly string[];
}

/** docs/restore-order.md says why each kind stands where it stands. */
const WAVES: readonly WaveRule[] = [
  { wave: 1, title: 'custom resource definitions', awaits: 'crds-established', kinds: ['customresourcedefinitions.apiextensions.k8s.io'] },
  { wave: 2, title: 'namespaces', awaits: 'namespaces-active', kinds: ['namespaces'] },
  {
    wave: 3,
    title: 'cluster foundations',
    awaits: 'nothing',
    kinds: [
      'clusterroles.rbac.authorization.k8s.io',
      'csidrivers.storage.k8s.io',
      'deviceclasses.resource.k8s.io',
      'ingressclasses.networking.k8s.io',
      'priorityclasses.scheduling.k8s.io',
      'runtimeclasses.node.k8s.io',
      'servicecidrs.networking.k8s.io',
      'storageclasses.storage.k8s.io',
      'volumeattributesclasses.storage.k8s.io',
      'volumegroupsnapshotclasses.groupsnapshot.storage.k8s.io',
      'volumesnapshotclasses.snapshot.storage.k8s.io',
      'volumesnapshotcontents.snapshot.storage.k8s.io',
    ],
  },
  { wave: 4, title: 'volumes and service accounts', awaits: 'nothing', kinds: ['persistentvolumes', 'serviceaccounts'] },
  {
    wave: 5,
    title: 'configuration, claims and network policies',
    awaits: 'nothing',
    kinds: [
      'configmaps',
      'limitranges',
      'networkpolicies.networking.k8s.io',
      'persistentvolumeclaims',
      'podtemplates',
      'resourceclaimtemplates.resource.k8s.io',
      'roles.rbac.authorization.k8s.io',
      'secrets',
      'volumesnapshots.snapshot.storage.k8s.io',
    ],
  },
  {
    wave: 6,
    title: 'role bindings',
    awaits: 'nothing',
    kinds: ['clusterrolebindings.rbac.authorization.k8s.io', 'rolebindings.rbac.authorization.k8s.io'],
  },
  { wave: 7, title: 'services', awaits: 'nothing', kinds: ['endpoints', 'endpointslices.discovery.k8s.io', 'services'] },
  {
    wave: 8,
    title: 'workloads',
    awaits: 'nothing',
    kinds: [
      'controllerrevisions.apps',
      'cronjobs.batch',
      'daemonsets.apps',
      'deployments.apps',
      'jobs.batch',
      'pods',
      'replicasets.apps',
      'replicationcontrollers',
      'resourceclaims.resource.k8s.io',
      'statefulsets.apps',
    ],
  },
  /** Also every built-in kind that no other wave names. */
  { wave: 9, title: 'policies, quotas and ingresses', awaits: 'nothing', kinds: [] },
  { wave: 10, title: 'API services', awaits: 'nothing', kinds: ['apiservices.apiregistration.k8s.io'] },
  /** Every kind of a group that is not built in. */
  { wave: 11, title: 'custom resources', awaits: 'nothing', kinds: [] },
  {
    wave: 12,
    title: 'admission webhooks and policies',
    awaits: 'nothing',
    kinds: [
      'mutatingadmissionpolicies.admissionregistration.k8s.io',
      'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
      'mutatingwebhookconfigurations.admissionregistration.k8s.io',
      'validatingadmissionpolicies.admissionregistration.k8s.io',
      'validatingadmissionpolicybindings.admissionregistration.k8s.io',
      'validatingwebhookconfigurations.admissionregistration.k8s.io',
    ],
  },
];
const CLAIMS = 5;
const WORKLOADS = 8;
const OTHER_BUILTIN = 9;
const CUSTOM = 11;
const GUARDS = 12;
const WAVE_OF_KIND: ReadonlyMap<string, number> = new Map(WAVES.flatMap(({ wave, kinds }) => kinds.map((kind) => [kind, wave] as const)));

/** The number of the wave in which objects of a kind are restored, 1 to 12. */
export function waveOf(type: Pick<ResourceType, 'group' | 'resource'>): number {
  return WAVE_OF_KIND.get(resourceKey(type)) ?? (isBuiltinGroup(type.group) ? OTHER_BUILTIN : CUSTOM);
}

/** True from the wave on in which claims are made. */
export function hasClaims({ wave }: Pick<RestoreWave, 'wave'>): boolean {
  return wave >= CLAIMS;
}

/** True from the wave on in which something can mount a volume. */
export function needsVolumes({ wave }: Pick<RestoreWave, 'wave'>): boolean {
  return wave >= WORKLOADS;
}

/** True for the wave that can refuse writes of others: nothing else of a restore is written after it. */
export function guardsWrites({ wave }: Pick<RestoreWave, 'wave'>): boolean {
  return wave === GUARDS;
}

/** One stored segment at its place in the restore order. */
export interface OrderedSegment {
  readonly wave: number;
  readonly type: ResourceType;
  /** The namespace that the objects were captured in; '' when cluster-scoped. */
  readonly namespace: string;
  readonly id: string;
  /** Objects inside. */
  readonly count: number;
}

/**
 * Every segment of a backup once, in the order of restoring: by wave, group, plural, namespace, and then as captured. The result does not
 * depend on the order of the parts, so every activity that computes it sees the same positions.
 */
export function orderSegments(parts: readonly CapturePart[]): readonly OrderedSegment[] {
  const runs = parts
    .flatMap((part) => part.resources.filter(({ type }) => type.group !== STREAMS.group))
    .map((resource) => ({ resource, wave: waveOf(resource.type), tie: tieBreaker(resource) }));
  runs.sort(
    (a, b) =>
      a.wave - b.wave ||
      compareText(a.resource.type.group, b.resource.type.group) ||
      compareText(a.resource.type.resource, b.resource.type.resource) ||
      compareText(a.resource.namespace, b.resource.namespace) ||
      compareText(a.tie, b.tie),
  );
  const seen = new Set<string>();
  return runs.flatMap(({ resource, wave }) => {
    const { type, namespace } = resource;
    // A segment is named by its content: the same id twice for one kind and namespace is the same objects, captured twice.
    const fresh = resource.segments.filter(({ id }) => {
      const key = `${resourceKey(type)}/${namespace}/${id}`;
      return !seen.has(key) && seen.add(key);
    });
    return fresh.map(({ id, count }) => ({ wave, type, namespace, id, count }));
  });
}

/**
 * The waves that occur, ascending. Whichever comes before the custom resources waits for what serves and converts them, and whichever comes before the
 * webhooks for their backends: a webhook whose backend does not answer refuses every write that it matches.
 */
export function wavesOf(ordered: readonly Pick<OrderedSegment, 'wave'>[]): readonly RestoreWave[] {
  const occurring = new Set(ordered.map((segment) => segment.wave));
  const present = WAVES.filter(({ wave }) => occurring.has(wave));
  return present.map(({ wave, title, awaits }, index) => {
    return { wave, title, awaits: awaits === 'nothing' ? neededBy(present[index + 1]?.wave) : awaits };
  });
}

function neededBy(wave: number | undefined): RestoreWave['awaits'] {
  if (wave === CUSTOM) return 'custom-apis-served';
  return wave === GUARDS ? 'webhook-backends' : 'nothing';
}

/** Cuts the order into stretches of at most `maxObjects` objects, each within one wave; a larger segment is a batch of its own. */
export function batches(
  ordered: readonly Pick<OrderedSegment, 'wave' | 'count'>[],
  limits: { readonly maxObjects: number },
): readonly RestoreBatch[] {
  const result: RestoreBatch[] = [];
  for (const [from, { wave, count }] of ordered.entries()) {
    const last = result.at(-1);
    if (last?.wave === wave && last.objects + count <= limits.maxObjects) {
      result[result.length - 1] = { ...last, segments: last.segments + 1, objects: last.objects + count };
    } else {
      result.push({ wave, from, segments: 1, objects: count });
    }
  }
  return result;
}

function tieBreaker(resource: CapturedResource): string {
  return [resource.type.version, ...resource.segments.map(({ id }) => id)].join(' ');
}

/** By UTF-16 code units: the same everywhere, unlike a locale's order. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
