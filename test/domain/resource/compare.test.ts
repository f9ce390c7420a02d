import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import { compareObjects } from '../../../domain/resource/compare.ts';
import { arbitraryJson, DISCOVERED, kind, object, SERVER_METADATA } from '../fixtures.ts';

const compare = (a: JsonObject, b: JsonObject, type = 'configmaps', present = true) =>
  compareObjects(a, b, { type: kind(type), preserveNodePorts: false, ownerPresent: () => present });
const owned = (uid: string, name = 'app') => object({}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid }] });

describe('comparing with the live object', () => {
  it.each<[string, string, JsonObject, JsonObject]>([
    ['server metadata', 'configmaps', object({ data: {} }), object({ data: {}, status: {} }, SERVER_METADATA)],
    ['apiVersion and kind missing in lists', 'configmaps', object(), object({ apiVersion: 'v1', kind: 'ConfigMap' })],
    ['empty labels', 'configmaps', object(), object({}, { labels: {}, annotations: {} })],
    ['injected finalizers', 'persistentvolumeclaims', object(), object({}, { finalizers: ['kubernetes.io/pvc-protection'] })],
    ['bound volume', 'persistentvolumeclaims', object({ spec: { volumeName: 'a' } }), object({ spec: { volumeName: 'b' } })],
    [
      'cluster IP and node port',
      'services',
      object({ spec: { clusterIP: 'a', ports: [{ port: 1, nodePort: 1 }] } }),
      object({ spec: { clusterIP: 'b', ports: [{ port: 1, nodePort: 2 }] } }),
    ],
    ['token secrets', 'serviceaccounts', object(), object({ secrets: [{ name: 'web-token-abcde' }] })],
    ['rollout counter', 'deployments.apps', object(), object({}, { annotations: { 'deployment.kubernetes.io/revision': '3' } })],
    [
      'aggregated rules',
      'clusterroles.rbac.authorization.k8s.io',
      object({ aggregationRule: {}, rules: [] }),
      object({ aggregationRule: {}, rules: [{ verbs: ['get'] }] }),
    ],
    [
      'labels that the server gives a Job',
      'jobs.batch',
      object({ spec: { template: { metadata: {} } } }),
      object({
        spec: {
          selector: { matchLabels: { 'controller-uid': 'u' } },
          template: { metadata: { labels: { 'controller-uid': 'u', 'job-name': 'web' } } },
        },
      }),
    ],
    ['owner uids', 'configmaps', owned('1'), owned('2')],
  ])('ignores %s', (_what, type, captured, live) => {
    expect(compare(captured, live, type)).toEqual({ equal: true, fields: [] });
    expect(compare(live, captured, type)).toEqual({ equal: true, fields: [] });
  });

  it.each<[string, JsonObject, JsonObject, string[]]>([
    ['a value', object({ data: { a: '1' } }), object({ data: { a: '2' } }), ['/data/a']],
    ['a missing and an additional field', object({ data: { a: '1' } }), object({ data: { b: '1' } }), ['/data/a', '/data/b']],
    ['a whole missing map once', object({ data: { a: '1', b: '2' } }), object(), ['/data']],
    ['list items', object({ list: [1, 2] }), object({ list: [1, 3, 4] }), ['/list/1', '/list/2']],
    ['labels', object({}, { labels: { 'a/b~c': 'x' } }), object({}, { labels: { 'a/b~c': 'y' } }), ['/metadata/labels/a~1b~0c']],
    ['owners', owned('1'), object(), ['/metadata/ownerReferences']],
    ['another owner', owned('1'), owned('1', 'other'), ['/metadata/ownerReferences/0']],
    ['null against a value', object({ data: null }), object({ data: {} }), ['/data']],
  ])('names %s by pointer', (_what, captured, live, fields) => {
    expect(compare(captured, live)).toEqual({ equal: false, fields });
  });

  it('takes any number of replicas where one side leaves it to an autoscaler, and none else', () => {
    const [open, two, three] = [
      object({ spec: { a: 1 } }),
      object({ spec: { a: 1, replicas: 2 } }),
      object({ spec: { a: 1, replicas: 3 } }),
    ];
    expect(compare(open, two, 'deployments.apps').equal).toBe(true);
    expect(compare(object({ spec: { a: 2 } }), two, 'deployments.apps').fields).toEqual(['/spec/a']);
    expect(compare(two, three, 'deployments.apps').fields).toEqual(['/spec/replicas']);
    expect(compare(open, two, 'services').fields).toEqual(['/spec/replicas']);
  });

  it('does not miss owners that cannot be linked', () => {
    expect(compare(owned('1'), object(), 'configmaps', false).equal).toBe(true);
  });

  it('names at most 20 fields, and no values', () => {
    const secrets = (value: string) => object({ data: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, value])) });
    const { equal, fields } = compare(secrets('hunter2'), secrets('swordfish'), 'secrets');
    expect(equal).toBe(false);
    expect(fields).toHaveLength(20);
    expect(fields.join()).not.toMatch(/hunter2|swordfish/);
  });

  it('every object equals itself, whatever the kind', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DISCOVERED), arbitraryJson.object, (type, value) => {
        const item = value;
        const copy = structuredClone(item);
        expect(compareObjects(item, copy, { type, preserveNodePorts: true, ownerPresent: () => true })).toEqual({
          equal: true,
          fields: [],
        });
      }),
    );
  });

  it('is symmetric', () => {
    fc.assert(
      fc.property(arbitraryJson.object, arbitraryJson.object, (a, b) => {
        expect(compare(a, b)).toEqual(compare(b, a));
      }),
    );
  });
});
