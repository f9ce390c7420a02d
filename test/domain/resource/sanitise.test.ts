import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import { parseLossless, stringifyLossless } from '../../../domain/json/lossless.ts';
import { sanitise } from '../../../domain/resource/sanitise.ts';
import type { SanitiseOptions } from '../../../domain/resource/sanitise.ts';
import { arbitraryJson, deepFreeze, DISCOVERED, kind, object, SERVER_METADATA } from '../fixtures.ts';

interface Case {
  readonly rule: string;
  readonly type: string;
  /** Body and, under `metadata`, what to add to name and namespace. */
  readonly captured: JsonObject;
  readonly expected: JsonObject;
  readonly options?: Partial<SanitiseOptions>;
}

const DEFAULTS: SanitiseOptions = { preserveNodePorts: false, restoresVolume: () => false };
const whole = (body: JsonObject): JsonObject => object(body, body['metadata'] as JsonObject);
const applied = (spec: JsonObject): JsonObject => ({
  annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec }) },
});
const container = (mounts: readonly string[]): JsonObject => ({
  name: 'c',
  ...(mounts.length === 0 ? {} : { volumeMounts: mounts.map((name) => ({ name })) }),
});

const CASES: readonly Case[] = [
  {
    rule: 'what the server wrote goes',
    type: 'configmaps',
    captured: { metadata: SERVER_METADATA, data: { a: 'b' } },
    expected: { data: { a: 'b' } },
  },
  {
    rule: 'owner references and deletion go',
    type: 'configmaps',
    captured: { metadata: { ownerReferences: [{ uid: 'x' }], deletionTimestamp: 't', deletionGracePeriodSeconds: 3 } },
    expected: {},
  },
  {
    rule: 'labels, annotations, generateName and finalizers stay',
    type: 'configmaps',
    captured: { metadata: { labels: { a: 'b' }, annotations: { c: 'd' }, generateName: 'web-', finalizers: ['example.com/keep'] } },
    expected: { metadata: { labels: { a: 'b' }, annotations: { c: 'd' }, generateName: 'web-', finalizers: ['example.com/keep'] } },
  },
  {
    rule: 'finalizers of a deletion under way go',
    type: 'configmaps',
    captured: { metadata: { finalizers: ['foregroundDeletion', 'example.com/keep'] } },
    expected: { metadata: { finalizers: ['example.com/keep'] } },
  },
  { rule: 'so do they alone', type: 'configmaps', captured: { metadata: { finalizers: ['orphan'] } }, expected: {} },
  {
    rule: 'status goes',
    type: 'deployments.apps',
    captured: { spec: { replicas: 1 }, status: { replicas: 1 } },
    expected: { spec: { replicas: 1 } },
  },
  {
    rule: 'status of custom resources goes',
    type: 'certificates.cert-manager.io',
    captured: { spec: {}, status: { ready: true } },
    expected: { spec: {} },
  },
  {
    rule: 'status of a CRD goes',
    type: 'customresourcedefinitions.apiextensions.k8s.io',
    captured: { spec: { group: 'g' }, status: { acceptedNames: {} } },
    expected: { spec: { group: 'g' } },
  },
  {
    rule: 'preserveUnknownFields moves into the schemas',
    type: 'customresourcedefinitions.apiextensions.k8s.io',
    captured: { spec: { preserveUnknownFields: true, versions: [{ schema: { openAPIV3Schema: { type: 'object' } } }, { name: 'v2' }] } },
    expected: {
      spec: {
        versions: [{ schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }, { name: 'v2' }],
      },
    },
  },
  {
    rule: 'an allotted cluster IP goes, IP families stay',
    type: 'services',
    captured: { spec: { type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ports: [{ port: 80 }] } },
    expected: { spec: { type: 'ClusterIP', ipFamilies: ['IPv4'], ports: [{ port: 80 }] } },
  },
  {
    rule: 'a headless Service stays headless',
    type: 'services',
    captured: { spec: { clusterIP: 'None', clusterIPs: ['None'] } },
    expected: { spec: { clusterIP: 'None', clusterIPs: ['None'] } },
  },
  {
    rule: 'ExternalName stays',
    type: 'services',
    captured: { spec: { type: 'ExternalName', externalName: 'db.example.com' } },
    expected: { spec: { type: 'ExternalName', externalName: 'db.example.com' } },
  },
  {
    rule: 'allotted node ports go',
    type: 'services',
    captured: { spec: { ports: [{ port: 80, nodePort: 30080 }], healthCheckNodePort: 31000 } },
    expected: { spec: { ports: [{ port: 80 }] } },
  },
  {
    rule: 'node ports stay when they are to be preserved',
    type: 'services',
    captured: { spec: { clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30080 }], healthCheckNodePort: 31000 } },
    expected: { spec: { ports: [{ port: 80, nodePort: 30080 }], healthCheckNodePort: 31000 } },
    options: { preserveNodePorts: true },
  },
  {
    rule: 'node ports that the user gave stay, by name or by port and protocol',
    type: 'services',
    captured: {
      metadata: applied({
        ports: [
          { name: 'a', nodePort: 1 },
          { port: 80, nodePort: 2 },
          { port: 53, protocol: 'UDP', nodePort: 3 },
        ],
        healthCheckNodePort: 4,
      }),
      spec: {
        ports: [
          { name: 'a', port: 1, nodePort: 1 },
          { name: 'b', port: 1, nodePort: 9 },
          { port: 80, protocol: 'TCP', nodePort: 2 },
          { port: 53, protocol: 'TCP', nodePort: 9 },
        ],
        healthCheckNodePort: 4,
      },
    },
    expected: {
      metadata: applied({
        ports: [
          { name: 'a', nodePort: 1 },
          { port: 80, nodePort: 2 },
          { port: 53, protocol: 'UDP', nodePort: 3 },
        ],
        healthCheckNodePort: 4,
      }),
      spec: {
        ports: [
          { name: 'a', port: 1, nodePort: 1 },
          { name: 'b', port: 1 },
          { port: 80, protocol: 'TCP', nodePort: 2 },
          { port: 53, protocol: 'TCP' },
        ],
        healthCheckNodePort: 4,
      },
    },
  },
  {
    rule: 'a last-applied annotation that is no JSON tells nothing',
    type: 'services',
    captured: {
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{' } },
      spec: { ports: [{ port: 80, nodePort: 1 }] },
    },
    expected: { metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{' } }, spec: { ports: [{ port: 80 }] } },
  },
  {
    rule: 'a pod is unbound and loses what admission derives; tolerations stay',
    type: 'pods',
    captured: {
      spec: {
        nodeName: 'n1',
        priority: 5,
        preemptionPolicy: 'Never',
        priorityClassName: 'high',
        ephemeralContainers: [{}],
        tolerations: [{ key: 'x' }],
        containers: [{ name: 'c' }],
      },
    },
    expected: { spec: { priorityClassName: 'high', tolerations: [{ key: 'x' }], containers: [{ name: 'c' }] } },
  },
  {
    rule: 'injected token volumes and their mounts go, others stay',
    type: 'pods',
    captured: {
      spec: {
        serviceAccountName: 'app',
        volumes: [
          { name: 'kube-api-access-abcde', projected: {} },
          { name: 'app-token-x1y2z', secret: {} },
          { name: 'data', emptyDir: {} },
          { name: 'kube-api-access-own', emptyDir: {} },
        ],
        containers: [container(['kube-api-access-abcde', 'data']), container(['app-token-x1y2z'])],
        initContainers: [container(['kube-api-access-abcde'])],
      },
    },
    expected: {
      spec: {
        serviceAccountName: 'app',
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'kube-api-access-own', emptyDir: {} },
        ],
        containers: [container(['data']), container([])],
        initContainers: [container([])],
      },
    },
  },
  {
    rule: 'a pod template has no creation time',
    type: 'deployments.apps',
    captured: { spec: { template: { metadata: { creationTimestamp: null, labels: { a: 'b' } }, spec: { nodeName: 'pinned' } } } },
    expected: { spec: { template: { metadata: { labels: { a: 'b' } }, spec: { nodeName: 'pinned' } } } },
  },
  {
    rule: 'nor have the templates of a CronJob',
    type: 'cronjobs.batch',
    captured: {
      spec: { jobTemplate: { metadata: { creationTimestamp: null }, spec: { template: { metadata: { creationTimestamp: null } } } } },
    },
    expected: { spec: { jobTemplate: { metadata: {}, spec: { template: { metadata: {} } } } } },
  },
  {
    rule: 'the rollout counter of a Deployment goes',
    type: 'deployments.apps',
    captured: { metadata: { annotations: { 'deployment.kubernetes.io/revision': '7', a: 'b' } } },
    expected: { metadata: { annotations: { a: 'b' } } },
  },
  {
    rule: 'the labels of the old uid go from a Job, its other labels stay',
    type: 'jobs.batch',
    captured: {
      metadata: { labels: { app: 'x', 'controller-uid': 'u', 'job-name': 'web' } },
      spec: {
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
        template: {
          metadata: {
            labels: {
              app: 'x',
              'controller-uid': 'u',
              'batch.kubernetes.io/controller-uid': 'u',
              'job-name': 'web',
              'batch.kubernetes.io/job-name': 'web',
            },
          },
        },
      },
    },
    expected: { metadata: { labels: { app: 'x', 'job-name': 'web' } }, spec: { template: { metadata: { labels: { app: 'x' } } } } },
  },
  {
    rule: 'a Job whose selector the user manages keeps all',
    type: 'jobs.batch',
    captured: {
      spec: {
        manualSelector: true,
        selector: { matchLabels: { 'controller-uid': 'u' } },
        template: { metadata: { labels: { 'controller-uid': 'u' } } },
      },
    },
    expected: {
      spec: {
        manualSelector: true,
        selector: { matchLabels: { 'controller-uid': 'u' } },
        template: { metadata: { labels: { 'controller-uid': 'u' } } },
      },
    },
  },
  {
    rule: 'claim templates lose status and creation time',
    type: 'statefulsets.apps',
    captured: {
      spec: { volumeClaimTemplates: [{ metadata: { name: 'd', creationTimestamp: null }, spec: {}, status: { phase: 'Pending' } }] },
    },
    expected: { spec: { volumeClaimTemplates: [{ metadata: { name: 'd' }, spec: {} }] } },
  },
  {
    rule: 'a claim is unbound and keeps its data source',
    type: 'persistentvolumeclaims',
    captured: {
      metadata: {
        annotations: {
          'pv.kubernetes.io/bind-completed': 'yes',
          'pv.kubernetes.io/bound-by-controller': 'yes',
          'volume.kubernetes.io/selected-node': 'n1',
          'volume.kubernetes.io/storage-provisioner': 'p',
          'volume.beta.kubernetes.io/storage-provisioner': 'p',
          team: 'a',
        },
      },
      spec: { volumeName: 'pv1', dataSource: { name: 's' } },
    },
    expected: { metadata: { annotations: { team: 'a' } }, spec: { dataSource: { name: 's' } } },
  },
  {
    rule: 'a claim names its volume when that is restored',
    type: 'persistentvolumeclaims',
    captured: { spec: { volumeName: 'pv1' } },
    expected: { spec: { volumeName: 'pv1' } },
    options: { restoresVolume: (name) => name === 'pv1' },
  },
  {
    rule: 'a volume stays reserved for its claim, but not for its uid',
    type: 'persistentvolumes',
    captured: {
      metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes', 'pv.kubernetes.io/provisioned-by': 'csi' } },
      spec: { claimRef: { namespace: 'shop', name: 'data', uid: 'u', resourceVersion: '1' } },
    },
    expected: {
      metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': 'csi' } },
      spec: { claimRef: { namespace: 'shop', name: 'data' } },
    },
  },
  {
    rule: 'generated secrets of a ServiceAccount go',
    type: 'serviceaccounts',
    captured: {
      secrets: [{ name: 'web-token-abcde' }, { name: 'mine' }, { name: 'web-tokens' }],
      imagePullSecrets: [{ name: 'pull' }, { name: 'web-dockercfg-abcde' }],
    },
    expected: { secrets: [{ name: 'mine' }, { name: 'web-tokens' }], imagePullSecrets: [{ name: 'pull' }] },
  },
  { rule: 'and the list with them', type: 'serviceaccounts', captured: { secrets: [{ name: 'web-token-abcde' }] }, expected: {} },
  {
    rule: 'a token Secret made by hand is filled anew',
    type: 'secrets',
    captured: {
      metadata: { annotations: { 'kubernetes.io/service-account.name': 'app', 'kubernetes.io/service-account.uid': 'u' } },
      type: 'kubernetes.io/service-account-token',
      data: { token: 't', 'ca.crt': 'c', namespace: 'n', extra: 'e' },
    },
    expected: {
      metadata: { annotations: { 'kubernetes.io/service-account.name': 'app' } },
      type: 'kubernetes.io/service-account-token',
      data: { extra: 'e' },
    },
  },
  {
    rule: 'other Secrets keep everything',
    type: 'secrets',
    captured: { type: 'Opaque', data: { token: 't' } },
    expected: { type: 'Opaque', data: { token: 't' } },
  },
  {
    rule: 'the finalizers of a Namespace go',
    type: 'namespaces',
    captured: { metadata: { labels: { 'kubernetes.io/metadata.name': 'web' } }, spec: { finalizers: ['kubernetes'] } },
    expected: { metadata: { labels: { 'kubernetes.io/metadata.name': 'web' } } },
  },
  {
    rule: 'the CA bundle of a webhook stays',
    type: 'validatingwebhookconfigurations.admissionregistration.k8s.io',
    captured: { webhooks: [{ name: 'a', clientConfig: { caBundle: 'x' } }] },
    expected: { webhooks: [{ name: 'a', clientConfig: { caBundle: 'x' } }] },
  },
];

describe('sanitising', () => {
  it.each(CASES)('$type: $rule', ({ type, captured, expected, options }) => {
    const { kind: name, group } = kind(type);
    const result = sanitise(deepFreeze(whole(captured)), kind(type), { ...DEFAULTS, ...options });
    expect(result).toEqual({ ...whole(expected), kind: name, apiVersion: group === '' ? 'v1' : `${group}/v1` });
  });

  it('keeps numbers as they were written', () => {
    const text =
      '{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"a"},"spec":{"big":9007199254740993,"float":1.0}}';
    expect(stringifyLossless(sanitise(parseLossless(text) as JsonObject, kind('certificates.cert-manager.io'), DEFAULTS))).toBe(text);
  });

  it('sanitising twice is sanitising once, and the input never changes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DISCOVERED), arbitraryJson.object, fc.boolean(), (type, value, preserveNodePorts) => {
        const input = deepFreeze(value);
        const once = sanitise(input, type, { ...DEFAULTS, preserveNodePorts });
        expect(sanitise(deepFreeze(once), type, { ...DEFAULTS, preserveNodePorts })).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  it('is idempotent on every case of the table', () => {
    for (const { type, captured, options } of CASES) {
      const once = sanitise(whole(captured), kind(type), { ...DEFAULTS, ...options });
      expect(sanitise(once, kind(type), { ...DEFAULTS, ...options })).toEqual(once);
    }
  });
});
