import { describe, expect, it } from '@jest/globals';
import type { DiscoveredType } from '../../../contracts/resource.ts';
import type { Selection } from '../../../contracts/selection.ts';
import { resourceKey } from '../../../domain/resource/identity.ts';
import { resolveNamespaces, resolveTypes, takesRelated } from '../../../domain/selection/backup-selection.ts';
import { validateSelection } from '../../../domain/selection/validate-selection.ts';
import { DISCOVERED, kind, selection } from '../fixtures.ts';

const resolve = (part: Partial<Selection>) => {
  const { namespaced, clusterScoped, excluded, problems, warnings } = resolveTypes(selection(part), DISCOVERED);
  return {
    namespaced: namespaced.map(resourceKey),
    clusterScoped: clusterScoped.map(resourceKey),
    excluded: Object.fromEntries(excluded.map(({ type, reason }) => [resourceKey(type), reason])),
    problems,
    warnings,
  };
};

describe('kinds of a backup', () => {
  it('takes everything but what makes no sense, and says why', () => {
    const { namespaced, clusterScoped, excluded } = resolve({});
    expect(Object.keys(excluded).sort()).toEqual(['events', 'events.events.k8s.io', 'ingresses.extensions', 'leases.coordination.k8s.io']);
    expect(Object.values(excluded).every((reason) => reason.length > 10)).toBe(true);
    expect(namespaced).toContain('endpointslices.discovery.k8s.io');
    expect(clusterScoped).toContain('nodes');
    expect(namespaced.length + clusterScoped.length + 4).toBe(DISCOVERED.length);
    expect(namespaced).toEqual([...namespaced].sort());
  });

  it('returns plain types, without what discovery adds', () => {
    expect(resolveTypes(selection({ includedResources: ['pods'] }), DISCOVERED).namespaced).toEqual([kind('pods')]);
  });

  it('a kind named explicitly overrides the default exclusion, a glob does not', () => {
    expect(resolve({ includedResources: ['events'] }).namespaced).toEqual(['events']);
    expect(resolve({ includedResources: ['event*'] }).namespaced).toEqual([]);
    expect(resolve({ objects: ['shop/lease/leader'] }).namespaced).toEqual(['leases.coordination.k8s.io']);
  });

  it('leaves out kinds that cannot be listed, read or created', () => {
    const readOnly: DiscoveredType = {
      ...(DISCOVERED[0] as DiscoveredType),
      resource: 'bindings',
      kind: 'Binding',
      singular: 'binding',
      verbs: ['create'],
    };
    const { excluded, namespaced } = resolveTypes(selection(), [readOnly]);
    expect(namespaced).toEqual([]);
    expect(excluded[0]?.reason).toContain('no list');
  });

  it('cluster-scoped kinds: all for a whole cluster, by reference for named namespaces, as told otherwise', () => {
    expect(resolve({ includedNamespaces: ['shop'] }).clusterScoped).toEqual([]);
    expect(resolve({ includedNamespaces: ['*'] }).clusterScoped).toContain('storageclasses.storage.k8s.io');
    expect(resolve({ excludedNamespaces: ['shop'] }).clusterScoped).toContain('storageclasses.storage.k8s.io');
    expect(resolve({ clusterResources: 'exclude' }).clusterScoped).toEqual([]);
    expect(resolve({ includedNamespaces: ['shop'], includedResources: ['sc', 'pods'] }).clusterScoped).toEqual([
      'storageclasses.storage.k8s.io',
    ]);
    const included = resolve({ includedNamespaces: ['shop'], clusterResources: 'include' });
    expect(included.clusterScoped).toContain('storageclasses.storage.k8s.io');
    expect(included.clusterScoped).not.toContain('nodes');
    expect(included.excluded['nodes']).toContain('whole cluster');
  });

  it('excluded kinds win, unknown excluded names only warn, unknown included ones are problems', () => {
    expect(resolve({ includedResources: ['pods', 'secrets'], excludedResources: ['secret'] }).namespaced).toEqual(['pods']);
    expect(resolve({ excludedResources: ['zebra'] })).toMatchObject({ problems: [], warnings: ['resource "zebra" is unknown'] });
    expect(resolve({ includedResources: ['zebra'], objects: ['unicorn/a'] }).problems).toEqual([
      'resource "zebra" is unknown',
      'resource "unicorn" is unknown',
    ]);
    expect(resolve({ excludedResources: ['clusters'] }).problems).toHaveLength(1);
  });

  it('related objects are followed when the selection is narrow and clusterResources is auto', () => {
    expect(takesRelated(selection())).toBe(false);
    expect(takesRelated(selection({ includedNamespaces: ['a'] }))).toBe(true);
    expect(takesRelated(selection({ includedResources: ['pods'] }))).toBe(true);
    expect(takesRelated(selection({ objects: ['pod/a'] }))).toBe(true);
    expect(takesRelated(selection({ labelSelector: 'app=web' }))).toBe(true);
    expect(takesRelated(selection({ orLabelSelectors: ['app=web'] }))).toBe(true);
    expect(takesRelated(selection({ includedNamespaces: ['a'], clusterResources: 'exclude' }))).toBe(false);
  });
});

describe('namespaces of a backup', () => {
  const existing = ['shop', 'prod-eu', 'prod-us', 'kube-system'];

  it.each<[Partial<Selection>, string[]]>([
    [{}, ['kube-system', 'prod-eu', 'prod-us', 'shop']],
    [{ includedNamespaces: ['prod-*'] }, ['prod-eu', 'prod-us']],
    [{ includedNamespaces: ['{shop,kube-*}'] }, ['kube-system', 'shop']],
    [{ excludedNamespaces: ['kube-*', 'shop'] }, ['prod-eu', 'prod-us']],
    [{ includedNamespaces: ['prod-*'], excludedNamespaces: ['*-us'] }, ['prod-eu']],
  ])('%j stands for %j', (part, names) => {
    expect(resolveNamespaces(selection(part), existing)).toEqual({ names, missing: [] });
  });

  it('a named namespace that does not exist is reported with the nearest names; a glob without a match is not', () => {
    expect(resolveNamespaces(selection({ includedNamespaces: ['prod-ue', 'zzz*'] }), existing)).toEqual({
      names: [],
      missing: ['namespace "prod-ue" does not exist; did you mean prod-us, prod-eu?'],
    });
  });
});

describe('problems of a selection', () => {
  it.each<[Partial<Selection>, string]>([
    [{ includedNamespaces: ['[a'] }, 'glob "[a": "[" at position 1 is not closed'],
    [{ excludedResources: [''] }, 'a namespace or resource name is empty'],
    [{ labelSelector: 'a in b' }, 'at position 6'],
    [{ orLabelSelectors: ['a=b', 'c d'] }, 'at position 3'],
    [{ labelSelector: 'a', orLabelSelectors: ['b'] }, 'exclude each other'],
    [{ orLabelSelectors: ['a', ' '] }, 'would select everything'],
    [{ objects: ['pod'] }, 'object "pod" is not understood'],
    [{ objects: ['a/b/c/d'] }, 'is not understood'],
    [{ objects: ['/pod/a'] }, 'is not understood'],
    [{ objects: ['a/pod/'] }, 'is not understood'],
  ])('%j: %s', (part, message) => {
    expect(validateSelection(selection(part)).join('\n')).toContain(message);
  });

  it('a good selection has none', () => {
    const part = { includedNamespaces: ['a-*'], includedResources: ['*.apps'], labelSelector: 'a=b,!c', objects: ['pod/a', 'ns/pod/a'] };
    expect(validateSelection(selection(part))).toEqual([]);
    expect(validateSelection(selection())).toEqual([]);
  });
});
