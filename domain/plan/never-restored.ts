import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, isObject, listAt, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { isGeneratedSecretName } from '../resource/sanitise/credentials.ts';

const MACHINE = 'describes a machine of the old cluster';
const EVENT = 'tells what happened in the old cluster';
const LEASE = 'held by a process of the old cluster';

const KINDS: ReadonlyMap<string, string> = new Map([
  ['nodes', MACHINE],
  ['csinodes.storage.k8s.io', MACHINE],
  ['csistoragecapacities.storage.k8s.io', MACHINE],
  ['resourceslices.resource.k8s.io', MACHINE],
  ['volumeattachments.storage.k8s.io', MACHINE],
  ['events', EVENT],
  ['events.events.k8s.io', EVENT],
  ['leases.coordination.k8s.io', LEASE],
  ['leasecandidates.coordination.k8s.io', LEASE],
  ['componentstatuses', 'computed by the API server'],
  ['ipaddresses.networking.k8s.io', 'allotted by the API server'],
  ['storageversions.internal.apiserver.k8s.io', 'computed by the API server'],
  ['certificatesigningrequests.certificates.k8s.io', 'would ask for another certificate'],
]);

/** Velero's records of its own runs; its schedules and locations are configuration and are restored. */
const VELERO_RUNS: ReadonlySet<string> = new Set([
  'backups',
  'restores',
  'backuprepositories',
  'resticrepositories',
  'datauploads',
  'datadownloads',
  'podvolumebackups',
  'podvolumerestores',
  'deletebackuprequests',
  'downloadrequests',
  'serverstatusrequests',
]);

const OBJECT_RULES: ReadonlyMap<string, (object: JsonObject) => string> = new Map([
  ['pods', podReason],
  ['jobs.batch', jobReason],
  ['secrets', secretReason],
  ['configmaps', configMapReason],
  ['clustertrustbundles.certificates.k8s.io', trustBundleReason],
  ['services', serviceReason],
  ['endpoints', endpointsReason],
  ['endpointslices.discovery.k8s.io', endpointSliceReason],
  ['apiservices.apiregistration.k8s.io', apiServiceReason],
]);

/** Why an object is restored under no circumstances; '' when it may be. */
export function neverRestored(object: JsonObject, type: ResourceType): string {
  const key = resourceKey(type);
  const ofKind = KINDS.get(key);
  if (ofKind !== undefined) return ofKind;
  if (type.group === 'velero.io' && VELERO_RUNS.has(type.resource)) return 'a record of a Velero run';
  return OBJECT_RULES.get(key)?.(object) ?? '';
}

function podReason(pod: JsonObject): string {
  if (annotation(pod, 'kubernetes.io/config.mirror') !== undefined) return 'the mirror of a static pod: the kubelet makes it';
  const phase = textAt(pod, 'status', 'phase');
  return phase === 'Succeeded' || phase === 'Failed' ? `a finished pod (${phase})` : '';
}

function jobReason(job: JsonObject): string {
  const ended = listAt(job, 'status', 'conditions').some(
    (condition) => ['Complete', 'Failed'].includes(textAt(condition, 'type')) && textAt(condition, 'status') === 'True',
  );
  return ended || textAt(job, 'status', 'completionTime') !== '' ? 'a finished Job: it would run again' : '';
}

function secretReason(secret: JsonObject): string {
  const name = textAt(secret, 'metadata', 'name');
  const account = annotation(secret, 'kubernetes.io/service-account.name');
  switch (textAt(secret, 'type')) {
    case 'kubernetes.io/service-account-token':
      return typeof account === 'string' && isGeneratedSecretName(name, account) ? `a generated token of ServiceAccount ${account}` : '';
    case 'bootstrap.kubernetes.io/token':
      return 'a credential for nodes to join the old cluster';
    default:
      return '';
  }
}

/** Both hold the certificates of the cluster they were captured in. */
function configMapReason(configMap: JsonObject): string {
  const name = textAt(configMap, 'metadata', 'name');
  if (name === 'kube-root-ca.crt') return 'published by the cluster into every namespace';
  const ofServer = name === 'extension-apiserver-authentication' && textAt(configMap, 'metadata', 'namespace') === 'kube-system';
  return ofServer ? 'written by the API server' : '';
}

function trustBundleReason(bundle: JsonObject): string {
  return textAt(bundle, 'spec', 'signerName').startsWith('kubernetes.io/')
    ? 'published by the control plane: it is about the certificates of the old one'
    : '';
}

/** Its ports are those of the API servers: pods would look for those of the old cluster. */
function serviceReason(service: JsonObject): string {
  return isKubernetesService(service, textAt(service, 'metadata', 'name')) ? 'made by the API server itself' : '';
}

function endpointsReason(endpoints: JsonObject): string {
  if (annotation(endpoints, 'control-plane.alpha.kubernetes.io/leader') !== undefined) return LEASE;
  const derived =
    annotation(endpoints, 'endpoints.kubernetes.io/last-change-trigger-time') !== undefined ||
    label(endpoints, 'endpoints.kubernetes.io/managed-by') === 'endpoint-controller' ||
    isKubernetesService(endpoints, textAt(endpoints, 'metadata', 'name'));
  return derived ? 'derived from its Service' : '';
}

function endpointSliceReason(slice: JsonObject): string {
  const manager = label(slice, 'endpointslice.kubernetes.io/managed-by');
  const managed = typeof manager === 'string' && manager.endsWith('.k8s.io');
  return managed || isKubernetesService(slice, label(slice, 'kubernetes.io/service-name')) ? 'derived from its Service' : '';
}

/** The API server itself keeps `default/kubernetes` and its endpoints. */
function isKubernetesService(object: JsonObject, service: Json | undefined): boolean {
  return service === 'kubernetes' && textAt(object, 'metadata', 'namespace') === 'default';
}

function apiServiceReason(service: JsonObject): string {
  const automatic = label(service, 'kube-aggregator.kubernetes.io/automanaged') !== undefined;
  return automatic || !isObject(field(service, 'spec', 'service')) ? 'registered by the API server itself' : '';
}

function annotation(object: JsonObject, key: string): Json | undefined {
  return field(object, 'metadata', 'annotations', key);
}

function label(object: JsonObject, key: string): Json | undefined {
  return field(object, 'metadata', 'labels', key);
}
