import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import type { CapturedReferences } from '../../../contracts/manifest.ts';
import { mergeReferences, referencesOf } from '../../../domain/resource/references.ts';
import { relatedBindings } from '../../../domain/resource/related-bindings.ts';
import { kind, object } from '../fixtures.ts';

const podSpec = {
  serviceAccountName: 'app',
  priorityClassName: 'high',
  volumes: [{ ephemeral: { volumeClaimTemplate: { spec: { storageClassName: 'tmp' } } } }],
};
const ofPod: Partial<CapturedReferences> = { serviceAccounts: ['shop/app'], priorityClasses: ['high'], storageClasses: ['tmp'] };
const template = { template: { spec: podSpec } };

describe('what a captured object points at', () => {
  it.each<[string, JsonObject, Partial<CapturedReferences>]>([
    ['configmaps', {}, {}],
    [
      'persistentvolumeclaims',
      { spec: { storageClassName: 'fast', volumeName: 'pv1' }, status: { phase: 'Bound' } },
      { storageClasses: ['fast'], persistentVolumes: ['pv1'] },
    ],
    [
      'persistentvolumeclaims',
      { spec: { storageClassName: 'fast', volumeName: 'pv1' }, status: { phase: 'Pending' } },
      { storageClasses: ['fast'] },
    ],
    ['pods', { spec: podSpec }, ofPod],
    ['deployments.apps', { spec: template }, ofPod],
    ['daemonsets.apps', { spec: template }, ofPod],
    ['replicasets.apps', { spec: template }, ofPod],
    ['jobs.batch', { spec: template }, ofPod],
    ['cronjobs.batch', { spec: { jobTemplate: { spec: template } } }, ofPod],
    [
      'statefulsets.apps',
      { spec: { ...template, volumeClaimTemplates: [{ spec: { storageClassName: 'disk' } }, {}] } },
      { ...ofPod, storageClasses: ['disk', 'tmp'] },
    ],
    ['rolebindings.rbac.authorization.k8s.io', { roleRef: { kind: 'ClusterRole', name: 'view' } }, { clusterRoles: ['view'] }],
    ['rolebindings.rbac.authorization.k8s.io', { roleRef: { kind: 'Role', name: 'view' } }, {}],
    ['serviceaccounts', {}, { serviceAccounts: ['shop/web'] }],
    ['certificates.cert-manager.io', { spec: podSpec }, { customResourceDefinitions: ['certificates.cert-manager.io'] }],
  ])('%s %j', (type, body, expected) => {
    expect(referencesOf(object(body), kind(type))).toEqual(mergeReferences([expected, { namespaces: ['shop'] }]));
  });

  it('merging sorts, removes doubles and empty names', () => {
    const merged = mergeReferences([{ storageClasses: ['b', ''] }, { storageClasses: ['a', 'b'] }, {}]);
    expect(merged.storageClasses).toEqual(['a', 'b']);
    expect(Object.values(merged).flat()).toEqual(['a', 'b']);
    expect(mergeReferences([merged, merged])).toEqual(merged);
  });
});

describe('bindings of captured service accounts', () => {
  const named = (name: string, body: JsonObject = {}, labels: JsonObject = {}) => object(body, { name, labels }, '');
  const binding = (name: string, role: string, ...subjects: JsonObject[]) =>
    named(name, { roleRef: { kind: 'ClusterRole', name: role }, subjects });
  const roles = [
    named('reader'),
    named('unused'),
    named('sum', {
      aggregationRule: {
        clusterRoleSelectors: [
          { matchLabels: { sum: 'yes' } },
          { matchExpressions: [{ key: 'more', operator: 'In', values: ['a', 'b'] }] },
        ],
      },
    }),
    named('part', {}, { sum: 'yes' }),
    named(
      'part2',
      { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'deep', operator: 'Exists' }] }] } },
      { more: 'b' },
    ),
    named('deep', {}, { deep: '' }),
  ];
  const related = (...bindings: JsonObject[]) => relatedBindings({ serviceAccounts: ['shop/app'], clusterRoles: [] }, bindings, roles);

  it.each<[string, JsonObject, boolean]>([
    ['the account', { kind: 'ServiceAccount', namespace: 'shop', name: 'app' }, true],
    ['an account of the same name elsewhere', { kind: 'ServiceAccount', namespace: 'other', name: 'app' }, false],
    ['the group of its namespace', { kind: 'Group', name: 'system:serviceaccounts:shop' }, true],
    ['the group of all accounts', { kind: 'Group', name: 'system:serviceaccounts' }, false],
    ['everybody', { kind: 'Group', name: 'system:authenticated' }, false],
    ['the account as a user', { kind: 'User', name: 'system:serviceaccount:shop:app' }, true],
  ])('%s', (_what, subject, taken) => {
    expect(related(binding('b', 'reader', { kind: 'User', name: 'x' }, subject))).toEqual(
      taken ? { clusterRoleBindings: ['b'], clusterRoles: ['reader'] } : { clusterRoleBindings: [], clusterRoles: [] },
    );
  });

  it('brings aggregated roles to any depth, and the roles that RoleBindings name', () => {
    const subject = { kind: 'ServiceAccount', namespace: 'shop', name: 'app' };
    expect(related(binding('b', 'sum', subject)).clusterRoles).toEqual(['deep', 'part', 'part2', 'sum']);
    expect(relatedBindings({ serviceAccounts: [], clusterRoles: ['reader', 'missing'] }, [], roles).clusterRoles).toEqual(['reader']);
  });
});
