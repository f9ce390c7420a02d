import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import type { ResourceType } from '../../../contracts/resource.ts';
import { autoscaled, withoutDrivenReplicas } from '../../../domain/git/autoscaled.ts';
import { commitMessage, type NamedChange } from '../../../domain/git/commit-message.ts';
import { fieldChanges } from '../../../domain/git/field-changes.ts';
import { fieldPathProblem, rulesFor } from '../../../domain/git/field-rules.ts';
import { gitForm } from '../../../domain/git/git-form.ts';
import { leftOutOfGit } from '../../../domain/git/left-out.ts';
import { parseLossless } from '../../../domain/json/lossless.ts';

const type = (kind: string, resource: string, group = '', namespaced = true): ResourceType => ({
  group,
  version: 'v1',
  kind,
  resource,
  namespaced,
});
const DEPLOYMENT = type('Deployment', 'deployments', 'apps');
const SERVICE = type('Service', 'services');
const CONFIG_MAP = type('ConfigMap', 'configmaps');
const SECRET = type('Secret', 'secrets');
const object = (more: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name: 'x', namespace: 'shop', ...metadata },
  ...more,
});
const owner = (kind: string, controller = true): JsonObject => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'o', uid: 'u', controller }],
});

describe('an object as it is kept in Git', () => {
  it('has nothing that the server, controllers and tools have filled in', () => {
    const live = object(
      { spec: { replicas: 2 }, status: { replicas: 2 } },
      {
        ...{ uid: 'u', resourceVersion: '5', generation: 3, creationTimestamp: 'now', managedFields: [], selfLink: '/x', ...owner('Foo') },
        labels: {},
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
          'deployment.kubernetes.io/revision': '4',
          'control-plane.alpha.kubernetes.io/leader': '{}',
          'example.com/kept': 'yes',
        },
      },
    );
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Foo', name: 'o', controller: true }];
    expect(gitForm(live, DEPLOYMENT)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x', namespace: 'shop', annotations: { 'example.com/kept': 'yes' }, ownerReferences },
      spec: { replicas: 2 },
    });
  });

  it('has of a Service what a person has given it', () => {
    const ports = [{ port: 80, nodePort: 30_080 }];
    const live = object({ spec: { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports, type: 'NodePort' } });
    expect(gitForm(live, SERVICE)['spec']).toEqual({ ports: [{ port: 80 }], type: 'NodePort' });
    const asked = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec: { ports } }) };
    expect(gitForm({ ...live, metadata: { name: 'x', annotations: asked } }, SERVICE)).toMatchObject({
      metadata: { name: 'x' },
      spec: { ports },
    });
  });

  it('has the replicas that a workload gets back when a backup has scaled it down', () => {
    const annotations = { 'holdfast.dev/scaled-down': '{"run":"r","replicas":3}' };
    expect(gitForm(object({ spec: { replicas: 0 } }, { annotations }), DEPLOYMENT)).toEqual({
      ...gitForm(object({ spec: { replicas: 3 } }), DEPLOYMENT),
    });
    expect(gitForm(object({ spec: { replicas: 0 } }, { annotations: { 'holdfast.dev/scaled-down': 'odd' } }), DEPLOYMENT)['spec']).toEqual({
      replicas: 0,
    });
  });

  it('has no replicas where an autoscaler sets them', () => {
    const driven = autoscaled([object({ spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } } })]);
    const workload = object({ spec: { replicas: 2, paused: false } });
    expect(withoutDrivenReplicas(workload, DEPLOYMENT, driven)['spec']).toEqual({ paused: false });
    expect(withoutDrivenReplicas(workload, type('StatefulSet', 'statefulsets', 'apps'), driven)).toBe(workload);
    expect(withoutDrivenReplicas(object({ spec: { replicas: 2 } }, { namespace: 'pay' }), DEPLOYMENT, driven)['spec']).toEqual({
      replicas: 2,
    });
  });
});

describe('what is never in Git', () => {
  it.each<[string, ResourceType, JsonObject]>([
    ['events', type('Event', 'events'), object()],
    ['leases', type('Lease', 'leases', 'coordination.k8s.io'), object()],
    ['endpoints', type('Endpoints', 'endpoints'), object()],
    ['endpoint slices', type('EndpointSlice', 'endpointslices', 'discovery.k8s.io'), object()],
    ['revisions of controllers', type('ControllerRevision', 'controllerrevisions', 'apps'), object()],
    ['nodes', type('Node', 'nodes', '', false), object()],
    ['pods of a ReplicaSet', type('Pod', 'pods'), object({}, owner('ReplicaSet'))],
    ['ReplicaSets of a Deployment', type('ReplicaSet', 'replicasets', 'apps'), object({}, owner('Deployment'))],
    ['Jobs of a CronJob', type('Job', 'jobs', 'batch'), object({}, owner('CronJob'))],
    ['tokens', SECRET, object({ type: 'kubernetes.io/service-account-token' })],
    ["Helm's records", SECRET, object({ type: 'helm.sh/release.v1' })],
    ["Helm's records in ConfigMaps", CONFIG_MAP, object({}, { name: 'sh.helm.release.v1.web.v1' })],
    ['the authority of the cluster', CONFIG_MAP, object({}, { name: 'kube-root-ca.crt' })],
  ])('are %s', (_what, kind, live) => {
    expect(leftOutOfGit(live, kind)).not.toBe('');
  });

  it.each<[string, ResourceType, JsonObject]>([
    ['a pod of its own', type('Pod', 'pods'), object()],
    ['a Job of its own', type('Job', 'jobs', 'batch'), object()],
    ['an owned ConfigMap', CONFIG_MAP, object({}, owner('Foo'))],
    ['a Secret', SECRET, object({ type: 'Opaque' })],
  ])('is not %s', (_what, kind, live) => {
    expect(leftOutOfGit(live, kind)).toBe('');
  });
});

describe("the user's rules", () => {
  const applied = (fields: readonly string[], live: JsonObject) =>
    rulesFor({ ignoreKinds: [], rules: [{ kinds: ['deploy'], fields }] }, DEPLOYMENT).apply(live);

  it.each<[string, JsonObject, JsonObject]>([
    ['spec.replicas', { spec: { replicas: 1, a: 1 } }, { spec: { a: 1 } }],
    ['spec.replicas', { spec: { replicas: 1 } }, {}],
    ['metadata.annotations["a.b/c"]', { metadata: { annotations: { 'a.b/c': 1, d: 2 } } }, { metadata: { annotations: { d: 2 } } }],
    ["metadata.annotations['a.b/c']", { metadata: { annotations: { 'a.b/c': 1 } }, x: 1 }, { x: 1 }],
    ['spec.c[*].image', { spec: { c: [{ image: 'a', n: 1 }, { n: 2 }] } }, { spec: { c: [{ n: 1 }, { n: 2 }] } }],
    ['spec.c[1]', { spec: { c: [1, 2, 3] } }, { spec: { c: [1, 3] } }],
    ['data.*.x', { data: { a: { x: 1, y: 2 }, b: { x: 3 } } }, { data: { a: { y: 2 } } }],
    ['spec.gone.deep', { spec: { gone: 'text' } }, { spec: { gone: 'text' } }],
  ])('%s drops that field', (path, live, kept) => {
    expect(fieldPathProblem(path)).toBe('');
    expect(applied([path], live)).toEqual(kept);
  });

  it('count for their kinds only, and whole kinds can be ignored', () => {
    const rules = { ignoreKinds: ['widgets.*', 'sa'], rules: [{ kinds: ['deployments'], fields: ['spec'] }] };
    expect(rulesFor(rules, SERVICE).apply({ spec: 1 })).toEqual({ spec: 1 });
    expect(rulesFor(rules, type('Widget', 'widgets', 'example.com')).ignored).toBe(true);
    expect(rulesFor(rules, type('ServiceAccount', 'serviceaccounts')).ignored).toBe(true);
    expect(rulesFor(rules, SERVICE).ignored).toBe(false);
  });

  it.each(['', 'spec..a', 'spec[', 'a b', '[x]', 'spec["a]'])('"%s" is no path', (path) => {
    expect(fieldPathProblem(path)).toContain('is no path');
  });
});

describe('the message of a commit', () => {
  const change = (fate: NamedChange['fate'], name: string, namespace = 'shop'): NamedChange => ({
    fate,
    kind: 'ConfigMap',
    namespace,
    name,
  });

  it('says how much, what, and where it is from', () => {
    const changes = [change('deleted', 'b'), change('created', 'a'), change('changed', 'shop', '')];
    expect(commitMessage({ cluster: 'prod', revision: '7', backup: 'b1', changes, takesOver: [] })).toBe(
      'sync prod: 1 created, 1 changed, 1 deleted\n\nchanged ConfigMap shop\ncreated ConfigMap shop/a\ndeleted ConfigMap shop/b\n\nHoldfast-Cluster: prod\nHoldfast-Revision: 7\nHoldfast-Backup: b1\n',
    );
  });

  it('says from whom the cluster takes files over, also when nothing else has changed', () => {
    expect(commitMessage({ cluster: 'prod', revision: '7', backup: '', changes: [], takesOver: ['old', 'older'] })).toBe(
      'sync prod: takes over from old, older\n\nHoldfast-Cluster: prod\nHoldfast-Takes-Over: old\nHoldfast-Takes-Over: older\nHoldfast-Revision: 7\n',
    );
  });

  it('names some hundred objects at most, and no name breaks a line', () => {
    const changes = Array.from({ length: 600 }, (_, index) => change('created', `n${index}\nHoldfast-Cluster: other`));
    const message = commitMessage({ cluster: 'a\nb', revision: '7', backup: '', changes, takesOver: [] });
    expect(message).toContain('\nand 100 more\n');
    expect(message.match(/^Holdfast-Cluster: .*$/gm)).toEqual(['Holdfast-Cluster: a b']);
  });
});

describe('the fields that a commit has changed', () => {
  it('are told by their paths, from what to what', () => {
    const before = parseLossless('{"spec":{"c":[{"image":"a:1"}],"n":1.0},"metadata":{"labels":{"a.b/c":"x"}}}') as JsonObject;
    const after = parseLossless('{"spec":{"c":[{"image":"a:2"}],"n":1.0,"more":{"x":[true]}},"metadata":{"labels":{}}}') as JsonObject;
    expect(fieldChanges(before, after)).toEqual([
      { path: 'metadata.labels["a.b/c"]', from: '"x"', to: '' },
      { path: 'spec.c[0].image', from: '"a:1"', to: '"a:2"' },
      { path: 'spec.more', from: '', to: '{"x":[true]}' },
    ]);
    expect(fieldChanges({ a: 'x'.repeat(500) }, { a: '' })[0]?.from).toHaveLength(80);
    expect(fieldChanges(undefined, after)).toEqual([]);
  });
});
