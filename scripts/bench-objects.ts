import type { JsonObject } from '../contracts/json.ts';
import { configMap, configurationText, seeded } from './generated-objects.ts';

/** An object to create: where to POST it, and it. */
export interface Posting {
  /** Path of the collection in the API. */
  readonly path: string;
  readonly object: JsonObject;
}

export const NAMESPACE_PATH = '/api/v1/namespaces';
const KIBIBYTE = 1_024;
const OBJECTS_OF_A_KIND = 5;

export function namespaceObject(name: string): JsonObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** ConfigMaps (60 %) and Secrets of 1 to 4 KiB. The same count makes the same objects every time. */
export function bigNamespace(namespace: string, count: number): readonly Posting[] {
  const random = seeded(1);
  const path = `${NAMESPACE_PATH}/${namespace}`;
  return Array.from({ length: count }, (_, index) => {
    const at = { namespace, name: `object-${String(index).padStart(6, '0')}` };
    const text = configurationText(random, KIBIBYTE + Math.floor(random() * 3 * KIBIBYTE));
    if (index % 5 < 3) return { path: `${path}/configmaps`, object: configMap(at, text) };
    const data = {
      settings: Buffer.from(text)
        .toString('base64')
        .slice(0, text.length - (text.length % 4)),
    };
    return { path: `${path}/secrets`, object: { apiVersion: 'v1', kind: 'Secret', metadata: at, type: 'Opaque', data } };
  });
}

/** Five objects of each of ten kinds. None makes a controller create others. */
export function smallNamespace(namespace: string): readonly Posting[] {
  return KINDS.flatMap(({ apiVersion, kind, plural, rest }) =>
    Array.from({ length: OBJECTS_OF_A_KIND }, (_, index) => {
      const prefix = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
      const metadata = { namespace, name: `${kind.toLowerCase()}-${index}`, labels: { app: `app-${index}` } };
      return { path: `${prefix}/namespaces/${namespace}/${plural}`, object: { apiVersion, kind, metadata, ...rest(index) } };
    }),
  );
}

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly rest: (index: number) => JsonObject;
}

const RBAC = 'rbac.authorization.k8s.io';
const NEVER = '0 0 1 1 *';

const KINDS: readonly Kind[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', rest: (index) => ({ data: { key: `value ${index}` } }) },
  { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', rest: () => ({ type: 'Opaque', data: { key: 'dmFsdWU=' } }) },
  { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', rest: () => ({}) },
  {
    apiVersion: 'v1',
    kind: 'Service',
    plural: 'services',
    rest: (index) => ({ spec: { clusterIP: 'None', ports: [{ name: 'http', port: 8_000 + index }] } }),
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    plural: 'roles',
    rest: () => ({ rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }] }),
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    plural: 'rolebindings',
    rest: (index) => ({
      roleRef: { apiGroup: RBAC, kind: 'Role', name: `role-${index}` },
      subjects: [{ kind: 'ServiceAccount', name: `serviceaccount-${index}` }],
    }),
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    rest: (index) => ({ spec: { podSelector: { matchLabels: { app: `app-${index}` } }, policyTypes: ['Ingress'] } }),
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    plural: 'ingresses',
    rest: (index) => ({ spec: { defaultBackend: { service: { name: `service-${index}`, port: { name: 'http' } } } } }),
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    rest: (index) => ({ spec: { minAvailable: 1, selector: { matchLabels: { app: `app-${index}` } } } }),
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    plural: 'cronjobs',
    rest: () => ({
      spec: {
        schedule: NEVER,
        suspend: true,
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.com/main:1' }] } } },
        },
      },
    }),
  },
];
