import { newCanary } from './canaries.ts';
import { eachOf, until, type RawApi } from './raw-api.ts';
import type { TestPlace } from './place.ts';

export interface WorkloadSize {
  readonly configMaps: number;
  readonly secrets: number;
}

/** A project of many small objects and some of every sort that has rules of its own. Secrets of the place's canaries are everywhere in it. */
export async function createWorkload(place: TestPlace, namespace: string, size: WorkloadSize): Promise<void> {
  const { api } = place;
  const secret = newCanary('secret');
  const applied = newCanary('last-applied');
  const configured = newCanary('config');
  place.canaries.push(secret, applied, configured);
  await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { team: 'storage' } } });
  const lastApplied = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { password: applied } });
  const many = [
    ...numbered(size.configMaps, (name, index) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `config-${name}`,
        namespace,
        labels: { shard: `s${index % 7}` },
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': lastApplied },
      },
      data: { index: name, password: configured, text: `value ${name} `.repeat(1 + (index % 20)) },
    })),
    ...numbered(size.secrets, (name) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `secret-${name}`, namespace },
      data: { password: Buffer.from(secret).toString('base64'), user: Buffer.from(`user-${name} ${secret}`).toString('base64') },
    })),
    ...projectObjects(namespace),
  ];
  await eachOf(many, 16, (manifest) => api.create(manifest));
  await settled(api, namespace);
}

/** Waits until controllers have done what they do to new objects: then a cluster without nodes is quiet. */
async function settled(api: RawApi, namespace: string): Promise<void> {
  await until(`controllers have made the objects of ${namespace}`, async () => {
    const sets = (await api.json('GET', `/apis/apps/v1/namespaces/${namespace}/replicasets`)) as unknown as {
      items: { spec: { replicas: number }; status: { replicas: number } }[];
    };
    const claims = (await api.json('GET', `/api/v1/namespaces/${namespace}/persistentvolumeclaims`)) as unknown as { items: unknown[] };
    const [set] = sets.items;
    return set?.status.replicas === set?.spec.replicas && set !== undefined && claims.items.length === 1;
  });
  let last = '';
  await until(`${namespace} is quiet`, async () => {
    const revisions: string[] = [];
    for (const kind of [
      '/api/v1|pods',
      '/apis/apps/v1|deployments',
      '/apis/apps/v1|replicasets',
      '/apis/apps/v1|statefulsets',
      '/api/v1|services',
    ]) {
      const [base, plural] = kind.split('|');
      const { items } = (await api.json('GET', `${base ?? ''}/namespaces/${namespace}/${plural ?? ''}`)) as unknown as {
        items: { metadata: { resourceVersion: string } }[];
      };
      revisions.push(...items.map(({ metadata }) => metadata.resourceVersion));
    }
    const now = revisions.join();
    const quiet = now === last;
    last = now;
    if (!quiet) await new Promise((resolve) => setTimeout(resolve, 700));
    return quiet;
  });
}

function projectObjects(namespace: string): object[] {
  const metadata = (name: string) => ({ name, namespace });
  const template = (app: string) => ({
    metadata: { labels: { app } },
    spec: { serviceAccountName: 'runner', containers: [{ name: 'main', image: 'example.com/app:1', env: [{ name: 'A', value: '1' }] }] },
  });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('runner') },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('web'),
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template('web') },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('db'),
      spec: {
        serviceName: 'db',
        replicas: 1,
        selector: { matchLabels: { app: 'db' } },
        template: template('db'),
        volumeClaimTemplates: [
          { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { selector: { app: 'web' }, type: 'NodePort', ports: [{ port: 80 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('db'),
      spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 5432 }] },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: metadata('reader'),
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: metadata('reader'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', name: 'runner', namespace }],
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: metadata('nightly'),
      spec: {
        schedule: '0 3 * * *',
        suspend: true,
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.com/app:1' }] } } },
        },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadata('web'),
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadata('deny'),
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    },
  ];
}

function numbered(count: number, make: (name: string, index: number) => object): object[] {
  return Array.from({ length: count }, (_, index) => make(String(index).padStart(4, '0'), index));
}
