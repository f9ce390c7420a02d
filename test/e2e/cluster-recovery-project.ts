import { definition } from '../support/definitions.ts';
import { configMap, deployment, folderVolume, namespace, service } from '../support/objects.ts';
import type { PlainObject } from '../support/raw-api.ts';

/** What is in a cluster before it is lost: something of everything that has stood in the way of a recovery. */

export const NAMESPACE = 'shop';
/** Objects of the cluster itself, as snapshots name them. */
export const CLUSTER_OBJECTS = [
  'ClusterRoleBinding shop-admins',
  'CustomResourceDefinition widgets.example.com',
  'PersistentVolume shop-local',
  'PriorityClass shop-first',
  'StorageClass kept',
  'ValidatingWebhookConfiguration shop-guard',
];
/** Where the database answers. */
export const PORT = 8080;

/**
 * A database, as far as a recovery can tell: it makes itself an id once, writes numbered lines and never one twice, refuses to start on a log with a
 * gap, and serves both.
 */
const DATABASE = `set -e
[ -e /data/id ] || head -c 16 /dev/urandom | sha256sum >/data/id
touch /data/log
awk '$1 != NR { exit 1 }' /data/log
httpd -p ${PORT} -h /data
n=$(wc -l </data/log)
while :; do n=$((n + 1)); echo $n >>/data/log; sync; sleep 0.2; done`;
const FILES = `if [ ! -e /kept/deep ]; then
  for d in /kept /local; do
    mkdir $d/deep
    for n in $(seq 1 50); do head -c $((n * 500)) /dev/urandom >$d/deep/$n; done
    chmod 600 $d/deep/7; chown 77:88 $d/deep/8; ln -s deep $d/link
  done
fi
touch /tmp/ready
while :; do sleep 1; done`;
/** Everything of both volumes, times included. */
export const SUM =
  'cd / && (find kept local -type f -exec sha256sum {} + ; find kept/* local/* -exec stat -c "%n %a %u:%g %Y" {} +) | sort';

function podOf(script: string, mounts: Readonly<Record<string, string>>): PlainObject {
  return {
    terminationGracePeriodSeconds: 0,
    priorityClassName: 'shop-first',
    serviceAccountName: 'shop',
    containers: [
      {
        name: 'main',
        image: 'holdfast/busybox:1',
        imagePullPolicy: 'Never',
        command: ['sh', '-c', script],
        volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })),
      },
    ],
  };
}

const inShop = (name: string, more: object = {}) => ({ namespace: NAMESPACE, name, ...more });
const workload = (name: string, kind: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: inShop(name),
  spec: { replicas: 1, selector: { matchLabels: { app: name } }, ...spec },
});
const template = (app: string, spec: PlainObject) => ({ metadata: { labels: { app } }, spec });
const claim = (name: string, storageClassName: string) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } },
});

const database = workload('db', 'StatefulSet', {
  serviceName: 'db',
  template: template('db', podOf(DATABASE, { data: '/data' })),
  volumeClaimTemplates: [claim('data', 'holdfast-csi')],
});
const files = workload('files', 'Deployment', {
  template: template('files', {
    ...podOf(FILES, { kept: '/kept', local: '/local' }),
    volumes: ['kept', 'local'].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
  }),
});
const local = folderVolume({ namespace: NAMESPACE, claim: 'local', folder: '/var/lib/holdfast-shop' });

const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
const admins = {
  ...rbac,
  kind: 'ClusterRoleBinding',
  metadata: { name: 'shop-admins' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'shop-admins' }],
};

/** In an order in which a cluster takes them; the guard is not among them. */
export const PROJECT: readonly object[] = [
  namespace(NAMESPACE),
  definition({ group: 'example.com', kind: 'Widget', plural: 'widgets' }),
  { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'shop-first' }, value: 1000 },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'kept' },
    provisioner: 'csi.holdfast.dev',
    reclaimPolicy: 'Retain',
    volumeBindingMode: 'Immediate',
  },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inShop('shop') },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: inShop('shop-token', { annotations: { 'kubernetes.io/service-account.name': 'shop' } }),
    type: 'kubernetes.io/service-account-token',
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: inShop('key'), stringData: { word: 'as it was' } },
  configMap(NAMESPACE, 'plain', { text: 'as it was' }),
  admins,
  service(NAMESPACE, 'db', { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: PORT }] }),
  service(NAMESPACE, 'guard', { type: 'NodePort', selector: { app: 'db' }, ports: [{ port: 443, targetPort: PORT, nodePort: 30_443 }] }),
  local.volume,
  local.claim,
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim('kept', 'kept'), metadata: inShop('kept') },
  deployment(NAMESPACE, 'idle', 0),
  database,
  files,
];

/** An object whose owner is restored after it. */
export function owned(widgetUid: string): object {
  const owner = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'one', uid: widgetUid };
  return configMap(NAMESPACE, 'of-widget', { text: 'owned' }, { ownerReferences: [owner] });
}

export const WIDGET = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: inShop('one'), spec: { size: 3 } };

/** Its server never answers: what its rules match cannot be written any more. */
export const GUARD = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'shop-guard' },
  webhooks: [
    {
      name: 'guard.shop.example.com',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      failurePolicy: 'Fail',
      timeoutSeconds: 1,
      matchPolicy: 'Equivalent',
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } },
      rules: [
        {
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          apiGroups: ['', 'example.com'],
          apiVersions: ['*'],
          resources: ['configmaps', 'services', 'widgets'],
          scope: 'Namespaced',
        },
      ],
      clientConfig: { service: { namespace: NAMESPACE, name: 'guard', path: '/' } },
    },
  ],
};
