import type { ResourceType } from '../../contracts/resource.ts';

/** Kinds that every supported API server has, by their stable versions. */
export const NAMESPACES = clusterScoped({ group: '', kind: 'Namespace', resource: 'namespaces' });
export const PERSISTENT_VOLUMES = clusterScoped({ group: '', kind: 'PersistentVolume', resource: 'persistentvolumes' });
export const STORAGE_CLASSES = clusterScoped({ group: 'storage.k8s.io', kind: 'StorageClass', resource: 'storageclasses' });
export const PRIORITY_CLASSES = clusterScoped({ group: 'scheduling.k8s.io', kind: 'PriorityClass', resource: 'priorityclasses' });
export const CLUSTER_ROLES = clusterScoped({ group: 'rbac.authorization.k8s.io', kind: 'ClusterRole', resource: 'clusterroles' });
export const CLUSTER_ROLE_BINDINGS = clusterScoped({
  group: 'rbac.authorization.k8s.io',
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
});
export const CUSTOM_RESOURCE_DEFINITIONS = clusterScoped({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
});
export const API_SERVICES = clusterScoped({ group: 'apiregistration.k8s.io', kind: 'APIService', resource: 'apiservices' });
export const CLAIMS: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  namespaced: true,
};
export const WORKLOADS: readonly ResourceType[] = [
  { kind: 'Deployment', resource: 'deployments' },
  { kind: 'StatefulSet', resource: 'statefulsets' },
  { kind: 'ReplicaSet', resource: 'replicasets' },
].map((type) => ({ ...type, group: 'apps', version: 'v1', namespaced: true }));
export const PODS: ResourceType = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true };

function clusterScoped(type: Pick<ResourceType, 'group' | 'kind' | 'resource'>): ResourceType {
  return { ...type, version: 'v1', namespaced: false };
}
