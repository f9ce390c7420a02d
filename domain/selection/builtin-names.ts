/**
 * Short names of the built-in kinds, by `plural.group`. Discovery gives them for a live cluster; a restore must understand them with
 * nothing but the kinds that a backup lists.
 */
export const BUILTIN_SHORT_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['certificatesigningrequests.certificates.k8s.io', ['csr']],
  ['configmaps', ['cm']],
  ['cronjobs.batch', ['cj']],
  ['customresourcedefinitions.apiextensions.k8s.io', ['crd', 'crds']],
  ['daemonsets.apps', ['ds']],
  ['deployments.apps', ['deploy']],
  ['endpoints', ['ep']],
  ['events', ['ev']],
  ['horizontalpodautoscalers.autoscaling', ['hpa']],
  ['ingresses.networking.k8s.io', ['ing']],
  ['limitranges', ['limits']],
  ['namespaces', ['ns']],
  ['networkpolicies.networking.k8s.io', ['netpol']],
  ['nodes', ['no']],
  ['persistentvolumeclaims', ['pvc']],
  ['persistentvolumes', ['pv']],
  ['poddisruptionbudgets.policy', ['pdb']],
  ['pods', ['po']],
  ['priorityclasses.scheduling.k8s.io', ['pc']],
  ['replicasets.apps', ['rs']],
  ['replicationcontrollers', ['rc']],
  ['resourcequotas', ['quota']],
  ['serviceaccounts', ['sa']],
  ['services', ['svc']],
  ['statefulsets.apps', ['sts']],
  ['storageclasses.storage.k8s.io', ['sc']],
]);

/** What `all` stands for in kubectl. */
export const BUILTIN_ALL: ReadonlySet<string> = new Set([
  'cronjobs.batch',
  'daemonsets.apps',
  'deployments.apps',
  'horizontalpodautoscalers.autoscaling',
  'jobs.batch',
  'pods',
  'replicasets.apps',
  'replicationcontrollers',
  'services',
  'statefulsets.apps',
]);
