import fc from 'fast-check';
import type { JsonObject } from '../../contracts/json.ts';
import type { DiscoveredType, ResourceType } from '../../contracts/resource.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import type { Selection } from '../../contracts/selection.ts';

/** plural.group, kind, namespaced, short names */
const TABLE: readonly (readonly [string, string, boolean, readonly string[]])[] = [
  ['pods', 'Pod', true, ['po']],
  ['services', 'Service', true, ['svc']],
  ['secrets', 'Secret', true, []],
  ['configmaps', 'ConfigMap', true, ['cm']],
  ['events', 'Event', true, ['ev']],
  ['endpoints', 'Endpoints', true, ['ep']],
  ['namespaces', 'Namespace', false, ['ns']],
  ['nodes', 'Node', false, ['no']],
  ['serviceaccounts', 'ServiceAccount', true, ['sa']],
  ['persistentvolumes', 'PersistentVolume', false, ['pv']],
  ['persistentvolumeclaims', 'PersistentVolumeClaim', true, ['pvc']],
  ['resourcequotas', 'ResourceQuota', true, ['quota']],
  ['deployments.apps', 'Deployment', true, ['deploy']],
  ['daemonsets.apps', 'DaemonSet', true, ['ds']],
  ['replicasets.apps', 'ReplicaSet', true, ['rs']],
  ['statefulsets.apps', 'StatefulSet', true, ['sts']],
  ['controllerrevisions.apps', 'ControllerRevision', true, []],
  ['jobs.batch', 'Job', true, []],
  ['cronjobs.batch', 'CronJob', true, ['cj']],
  ['events.events.k8s.io', 'Event', true, ['ev']],
  ['leases.coordination.k8s.io', 'Lease', true, []],
  ['endpointslices.discovery.k8s.io', 'EndpointSlice', true, []],
  ['ingresses.networking.k8s.io', 'Ingress', true, ['ing']],
  ['ingresses.extensions', 'Ingress', true, ['ing']],
  ['networkpolicies.networking.k8s.io', 'NetworkPolicy', true, ['netpol']],
  ['poddisruptionbudgets.policy', 'PodDisruptionBudget', true, ['pdb']],
  ['storageclasses.storage.k8s.io', 'StorageClass', false, ['sc']],
  ['volumeattachments.storage.k8s.io', 'VolumeAttachment', false, []],
  ['csinodes.storage.k8s.io', 'CSINode', false, []],
  ['priorityclasses.scheduling.k8s.io', 'PriorityClass', false, ['pc']],
  ['roles.rbac.authorization.k8s.io', 'Role', true, []],
  ['clusterroles.rbac.authorization.k8s.io', 'ClusterRole', false, []],
  ['rolebindings.rbac.authorization.k8s.io', 'RoleBinding', true, []],
  ['clusterrolebindings.rbac.authorization.k8s.io', 'ClusterRoleBinding', false, []],
  ['customresourcedefinitions.apiextensions.k8s.io', 'CustomResourceDefinition', false, ['crd', 'crds']],
  ['apiservices.apiregistration.k8s.io', 'APIService', false, []],
  ['clustertrustbundles.certificates.k8s.io', 'ClusterTrustBundle', false, []],
  ['mutatingwebhookconfigurations.admissionregistration.k8s.io', 'MutatingWebhookConfiguration', false, []],
  ['validatingwebhookconfigurations.admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', false, []],
  ['certificates.cert-manager.io', 'Certificate', true, ['cert']],
  ['issuers.cert-manager.io', 'Issuer', true, []],
  ['clusters.postgresql.cnpg.io', 'Cluster', true, []],
  ['clusters.cluster.x-k8s.io', 'Cluster', true, ['cl']],
  ['services.serving.knative.dev', 'Service', true, ['ksvc']],
  ['backups.velero.io', 'Backup', true, []],
  ['schedules.velero.io', 'Schedule', true, []],
];
const IN_ALL = ['pods', 'services', 'deployments.apps', 'replicasets.apps', 'statefulsets.apps', 'jobs.batch'];

export const DISCOVERED: readonly DiscoveredType[] = TABLE.map(([key, kind, namespaced, shortNames]) => {
  const dot = key.indexOf('.');
  const [resource, group] = dot < 0 ? [key, ''] : [key.slice(0, dot), key.slice(dot + 1)];
  return {
    group,
    version: 'v1',
    kind,
    resource,
    namespaced,
    singular: kind.toLowerCase(),
    shortNames,
    categories: IN_ALL.includes(key) ? ['all'] : [],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  };
});

/** A kind by `plural.group`, with the fields of `ResourceType` only. */
export function kind(key: string): ResourceType {
  const found = DISCOVERED.find(({ group, resource }) => key === (group === '' ? resource : `${resource}.${group}`));
  if (found === undefined) throw new Error(`no fixture for ${key}`);
  const { group, version, kind: name, resource, namespaced } = found;
  return { group, version, kind: name, resource, namespaced };
}

export function selection(part: Partial<Selection> = {}): Selection {
  return { ...SELECT_ALL, ...part };
}

/** An object of namespace `shop` called `web`, or without a namespace when `namespace` is ''. */
export function object(body: JsonObject = {}, metadata: JsonObject = {}, namespace = 'shop'): JsonObject {
  return { ...body, metadata: { name: 'web', ...(namespace === '' ? {} : { namespace }), ...metadata } };
}

/** What every object carries that a server wrote. */
export const SERVER_METADATA: JsonObject = {
  uid: '0f0e',
  resourceVersion: '42',
  generation: 3,
  creationTimestamp: '2026-01-01T00:00:00Z',
  managedFields: [{ manager: 'kubectl' }],
  selfLink: '/x',
};

/** Freezes everything, so that a function that changes its input throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

/** Arbitrary JSON under the keys that sanitising rules look at, and `__proto__`. */
const KEYS = [
  'spec',
  'metadata',
  'template',
  'volumes',
  'name',
  'clusterIP',
  'ports',
  'nodePort',
  'labels',
  'annotations',
  'secrets',
  'items',
  '__proto__',
];
const jsonLeaf = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string(), fc.constantFrom('None', 'web', 'web-token-abcde'));
export const arbitraryJson = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, jsonLeaf, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc
    .uniqueArray(fc.tuple(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie('value')), { selector: ([key]) => key, maxLength: 4 })
    .map((entries) => Object.fromEntries(entries) as JsonObject),
}));
