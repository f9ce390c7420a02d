import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import { mapNamespace, mapNamespaces, mappingProblems, targetRef } from '../../../domain/plan/mapping.ts';
import { arbitraryJson, deepFreeze, DISCOVERED, kind, object } from '../fixtures.ts';

const MAPPING = { shop: 'copy', b: 'c' };
const byName = (name: string): JsonObject => ({
  namespaceSelector: {
    matchLabels: { 'kubernetes.io/metadata.name': name, team: 'shop' },
    matchExpressions: [
      { key: 'kubernetes.io/metadata.name', operator: 'In', values: [name, 'z'] },
      { key: 'team', operator: 'In', values: ['shop'] },
    ],
  },
});

describe('namespace mapping', () => {
  it.each<[string, (namespace: string) => JsonObject]>([
    ['configmaps', (ns) => object({ data: { namespace: 'shop' } }, {}, ns)],
    ['namespaces', (ns) => object({}, { name: ns, labels: { 'kubernetes.io/metadata.name': ns, team: 'shop' } }, '')],
    ['persistentvolumes', (ns) => object({ spec: { claimRef: { namespace: ns, name: 'shop' } } }, {}, '')],
    [
      'rolebindings.rbac.authorization.k8s.io',
      (ns) =>
        object(
          {
            subjects: [
              { kind: 'ServiceAccount', namespace: ns, name: 'a' },
              { kind: 'User', name: 'shop' },
            ],
          },
          {},
          ns,
        ),
    ],
    [
      'clusterrolebindings.rbac.authorization.k8s.io',
      (ns) =>
        object(
          {
            subjects: [
              { kind: 'Group', name: `system:serviceaccounts:${ns}` },
              { kind: 'Group', name: 'shop' },
            ],
          },
          {},
          '',
        ),
    ],
    [
      'validatingwebhookconfigurations.admissionregistration.k8s.io',
      (ns) =>
        object(
          { webhooks: [{ clientConfig: { service: { namespace: ns, name: 'shop' } }, ...byName(ns) }, { clientConfig: { url: 'x' } }] },
          {},
          '',
        ),
    ],
    [
      'mutatingwebhookconfigurations.admissionregistration.k8s.io',
      (ns) => object({ webhooks: [{ clientConfig: { service: { namespace: ns } } }] }, {}, ''),
    ],
    ['apiservices.apiregistration.k8s.io', (ns) => object({ spec: { service: { namespace: ns, name: 'shop' } } }, {}, '')],
    [
      'customresourcedefinitions.apiextensions.k8s.io',
      (ns) => object({ spec: { conversion: { webhook: { clientConfig: { service: { namespace: ns } } } } } }, {}, ''),
    ],
    [
      'networkpolicies.networking.k8s.io',
      (ns) => object({ spec: { ingress: [{ from: [byName(ns)] }], egress: [{ to: [byName(ns)] }, {}] } }, {}, ns),
    ],
  ])('%s follows, where it names the namespace and nowhere else', (type, make) => {
    expect(mapNamespaces(deepFreeze(make('shop')), kind(type), MAPPING)).toEqual(make('copy'));
    expect(mapNamespaces(make('elsewhere'), kind(type), MAPPING)).toEqual(make('elsewhere'));
  });

  it('says where an object will live', () => {
    expect(targetRef(object(), kind('pods'), MAPPING)).toEqual({ type: kind('pods'), namespace: 'copy', name: 'web' });
    expect(targetRef(object({}, { name: 'shop' }, ''), kind('namespaces'), MAPPING)).toMatchObject({ namespace: '', name: 'copy' });
  });

  it('namespaces with names of object members are names like others', () => {
    expect(mapNamespace({}, 'constructor')).toBe('constructor');
    expect(mapNamespace({}, '__proto__')).toBe('__proto__');
    expect(mapNamespace({ constructor: 'x' }, 'constructor')).toBe('x');
  });

  it('an empty mapping changes nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DISCOVERED), arbitraryJson.object, (type, body) => {
        expect(mapNamespaces(deepFreeze(body), type, {})).toEqual(body);
      }),
    );
  });

  it.each<[Record<string, string>, string[]]>([
    [{}, []],
    [{ a: 'b', b: 'a' }, []],
    [{ a: 'x', b: 'x' }, ['namespace mapping: a and b both go to x: give each a target of its own']],
    [{ a: 'B' }, ['namespace mapping a:B: "B" is no namespace name']],
    [{ 'a.b': '' }, ['namespace mapping a.b:: "a.b" is no namespace name', 'namespace mapping a.b:: "" is no namespace name']],
    [{ a: 'x'.repeat(64) }, [`namespace mapping a:${'x'.repeat(64)}: "${'x'.repeat(64)}" is no namespace name`]],
  ])('%j has the problems %j', (mapping, problems) => {
    expect(mappingProblems(mapping)).toEqual(problems);
  });
});
