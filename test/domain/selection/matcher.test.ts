import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import type { Selection } from '../../../contracts/selection.ts';
import { mergeReferences } from '../../../domain/resource/references.ts';
import { acceptObject, compileSelection } from '../../../domain/selection/matcher.ts';
import type { SelectionScope } from '../../../domain/selection/matcher.ts';
import { DISCOVERED, kind, object, selection } from '../fixtures.ts';

const matcher = (part: Partial<Selection>, scope: Partial<SelectionScope> = {}) =>
  compileSelection(selection(part), { types: DISCOVERED, ...scope });
const labelled = (labels: JsonObject) => object({}, { labels });

describe('a compiled selection', () => {
  it.each<[Partial<Selection>, JsonObject, string, boolean]>([
    [{}, object(), 'pods', true],
    [{ includedNamespaces: ['shop'] }, object(), 'pods', true],
    [{ includedNamespaces: ['sh*'], excludedNamespaces: ['shop'] }, object(), 'pods', false],
    [{ includedResources: ['deploy'] }, object(), 'pods', false],
    [{ excludedResources: ['po'] }, object(), 'pods', false],
    [{ labelSelector: 'app=a' }, labelled({ app: 'a' }), 'pods', true],
    [{ labelSelector: 'app=a' }, object(), 'pods', false],
    [{ orLabelSelectors: ['app=a', 'app=b'] }, labelled({ app: 'b' }), 'pods', true],
    [{ orLabelSelectors: ['app=a', 'app=b'] }, labelled({ app: 'c' }), 'pods', false],
    [{ objects: ['pod/web'] }, object(), 'pods', true],
    [{ objects: ['shop/po/web'] }, object(), 'pods', true],
    [{ objects: ['other/po/web'] }, object(), 'pods', false],
    [{ objects: ['pod/other'] }, object(), 'pods', false],
    [{ objects: ['svc/web'] }, object(), 'pods', false],
    [{ clusterResources: 'exclude' }, object({}, {}, ''), 'storageclasses.storage.k8s.io', false],
    [{}, object({}, {}, ''), 'storageclasses.storage.k8s.io', true],
    [{ includedNamespaces: ['shop'], clusterResources: 'include' }, object({}, {}, ''), 'storageclasses.storage.k8s.io', true],
    [{ includedNamespaces: ['shop'], includedResources: ['sc'] }, object({}, {}, ''), 'storageclasses.storage.k8s.io', true],
    [{ includedNamespaces: ['shop'] }, object({}, {}, ''), 'storageclasses.storage.k8s.io', false],
    [{ includedNamespaces: ['shop'], clusterResources: 'include' }, object({}, { name: 'other' }, ''), 'namespaces', false],
    [{ includedNamespaces: ['shop'] }, object({}, { name: 'shop' }, ''), 'namespaces', true],
  ])('%j takes %j of %s: %j', (part, item, type, taken) => {
    expect(matcher(part).takes(item, kind(type))).toBe(taken);
  });

  it('with named namespaces, cluster-scoped objects come when they name such a namespace or are pointed at', () => {
    const scope = {
      references: mergeReferences([
        { storageClasses: ['fast'], clusterRoles: ['reader'], customResourceDefinitions: ['certificates.cert-manager.io'] },
      ]),
    };
    const takes = (item: JsonObject, type: string) => matcher({ includedNamespaces: ['shop'] }, scope).takes(item, kind(type));
    const named = (name: string, body: JsonObject = {}) => object(body, { name }, '');
    expect(takes(named('fast'), 'storageclasses.storage.k8s.io')).toBe(true);
    expect(takes(named('slow'), 'storageclasses.storage.k8s.io')).toBe(false);
    expect(takes(named('reader'), 'clusterroles.rbac.authorization.k8s.io')).toBe(true);
    expect(takes(named('certificates.cert-manager.io'), 'customresourcedefinitions.apiextensions.k8s.io')).toBe(true);
    expect(takes(named('pv', { spec: { claimRef: { namespace: 'shop' } } }), 'persistentvolumes')).toBe(true);
    expect(takes(named('pv', { spec: { claimRef: { namespace: 'other' } } }), 'persistentvolumes')).toBe(false);
    expect(takes(named('pv'), 'persistentvolumes')).toBe(false);
    const binding = (subject: JsonObject) => named('b', { subjects: [subject] });
    const bindings = 'clusterrolebindings.rbac.authorization.k8s.io';
    expect(takes(binding({ kind: 'ServiceAccount', namespace: 'shop', name: 'a' }), bindings)).toBe(true);
    expect(takes(binding({ kind: 'ServiceAccount', namespace: 'other', name: 'a' }), bindings)).toBe(false);
    expect(takes(binding({ kind: 'Group', name: 'system:serviceaccounts:shop' }), bindings)).toBe(true);
    expect(takes(binding({ kind: 'Group', name: 'system:serviceaccounts' }), bindings)).toBe(false);
  });

  it('takes the Namespace objects of the namespaces in use, whatever kinds are selected, unless namespaces are excluded', () => {
    const scope = { namespacesInUse: new Set(['shop']) };
    const shop = object({}, { name: 'shop' }, '');
    const other = object({}, { name: 'other' }, '');
    const narrow = { includedResources: ['deploy'], labelSelector: 'app=web' };
    expect(matcher(narrow, scope).takesType(kind('namespaces'))).toBe(true);
    expect(matcher(narrow, scope).takes(shop, kind('namespaces'))).toBe(true);
    expect(matcher(narrow, scope).takes(other, kind('namespaces'))).toBe(false);
    expect(matcher({ ...narrow, excludedResources: ['ns'] }, scope).takes(shop, kind('namespaces'))).toBe(false);
    // Without its namespace nothing could be restored, even when no other cluster-scoped object is wanted.
    expect(matcher({ clusterResources: 'exclude' }, scope).takes(shop, kind('namespaces'))).toBe(true);
    expect(matcher({ clusterResources: 'exclude' }, scope).takes(other, kind('namespaces'))).toBe(false);
  });

  it('knows which objects are asked for by name', () => {
    const some = matcher({ objects: ['shop/deploy/web'] });
    expect(some.namesObject(object(), kind('deployments.apps'))).toBe(true);
    expect(some.namesObject(object({}, { name: 'api' }), kind('deployments.apps'))).toBe(false);
    expect(matcher({}).namesObject(object(), kind('deployments.apps'))).toBe(false);
  });

  it('skips kinds and namespaces that cannot hold anything', () => {
    const some = matcher({ includedNamespaces: ['shop'], objects: ['pod/a'] });
    expect(some.takesType(kind('pods'))).toBe(true);
    expect(some.takesType(kind('services'))).toBe(false);
    expect(['shop', 'other', ''].map((name) => some.takesNamespace(name))).toEqual([true, false, true]);
  });
});

describe('what a backup accepts', () => {
  const all = matcher({});

  it.each<[JsonObject, string]>([
    [object(), 'taken'],
    [labelled({ 'holdfast.dev/exclude-from-backup': 'true' }), 'excluded-by-label'],
    [labelled({ 'velero.io/exclude-from-backup': 'true' }), 'excluded-by-label'],
    [labelled({ 'velero.io/exclude-from-backup': 'false' }), 'taken'],
    [object({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }), 'being-deleted'],
  ])('%j is %s', (item, verdict) => {
    expect(acceptObject(all, item, kind('pods'))).toBe(verdict);
  });

  it('an object that is not selected is not counted as excluded', () => {
    const item = labelled({ 'velero.io/exclude-from-backup': 'true' });
    expect(acceptObject(matcher({ includedNamespaces: ['x'] }), item, kind('pods'))).toBe('not-selected');
  });
});
