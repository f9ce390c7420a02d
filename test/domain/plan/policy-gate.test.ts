import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { Allowance } from '../../../contracts/restore.ts';
import { gateReason } from '../../../domain/plan/policy-gate.ts';
import { kind, object } from '../fixtures.ts';

const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
const containers = (securityContext: JsonObject) => ({ containers: [{ name: 'a' }, { name: 'b', securityContext }] });
const inTemplate = (spec: JsonObject) => object({ spec: { template: { spec } } });
const gate = (item: JsonObject, type: string, allow: readonly Allowance[] = []) =>
  gateReason(item, kind(type), { allow, restoresNamespace: (name) => name === 'shop' });

const REFUSED: [string, JsonObject, Allowance][] = [
  ['mutatingwebhookconfigurations.admissionregistration.k8s.io', object(), 'webhooks'],
  ['validatingwebhookconfigurations.admissionregistration.k8s.io', object(), 'webhooks'],
  ['apiservices.apiregistration.k8s.io', object({ spec: { service: {} } }), 'webhooks'],
  ['clusterrolebindings.rbac.authorization.k8s.io', object({ roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } }), 'cluster-admin'],
  ['rolebindings.rbac.authorization.k8s.io', object({ roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } }), 'cluster-admin'],
  ['clusterroles.rbac.authorization.k8s.io', object({ rules: [{ verbs: ['get'] }, everything] }), 'cluster-admin'],
  ['pods', object({ spec: { hostNetwork: true } }), 'privileged'],
  ['pods', object({ spec: { hostPID: true } }), 'privileged'],
  ['pods', object({ spec: { hostIPC: true } }), 'privileged'],
  ['pods', object({ spec: { volumes: [{ name: 'a' }, { hostPath: { path: '/' } }] } }), 'privileged'],
  ['pods', object({ spec: { initContainers: [{ securityContext: { privileged: true } }] } }), 'privileged'],
  ['pods', object({ spec: { securityContext: { windowsOptions: { hostProcess: true } } } }), 'privileged'],
  ['deployments.apps', inTemplate(containers({ privileged: true })), 'privileged'],
  ['daemonsets.apps', inTemplate(containers({ capabilities: { add: ['NET_BIND_SERVICE', 'SYS_ADMIN'] } })), 'privileged'],
  ['cronjobs.batch', object({ spec: { jobTemplate: { spec: { template: { spec: { hostNetwork: true } } } } } }), 'privileged'],
  ['persistentvolumes', object({ spec: { claimRef: { namespace: 'other', name: 'x' } } }), 'foreign-volumes'],
];

describe('the policy gate', () => {
  it.each(REFUSED)('refuses %s %j unless %s is allowed', (type, item, allowance) => {
    expect(gate(item, type)).toMatch(new RegExp(`--allow ${allowance}, or select the object by name$`));
    expect(
      gate(
        item,
        type,
        Object.values(Allowance).filter((other) => other !== allowance),
      ),
    ).not.toBe('');
    expect(gate(item, type, [allowance])).toBe('');
  });

  it.each<[string, JsonObject]>([
    ['clusterrolebindings.rbac.authorization.k8s.io', object({ roleRef: { kind: 'ClusterRole', name: 'view' } })],
    ['rolebindings.rbac.authorization.k8s.io', object({ roleRef: { kind: 'Role', name: 'cluster-admin' } })],
    ['clusterroles.rbac.authorization.k8s.io', object({ rules: [{ ...everything, apiGroups: ['apps'] }] })],
    ['pods', object({ spec: { hostNetwork: false, ...containers({ privileged: false, capabilities: { add: ['NET_BIND_SERVICE'] } }) } })],
    ['persistentvolumes', object({ spec: { claimRef: { namespace: 'shop' } } })],
    ['persistentvolumes', object({ spec: {} })],
    ['configmaps', object({ spec: { hostNetwork: true } })],
  ])('lets %s %j pass', (type, item) => {
    expect(gate(item, type)).toBe('');
  });
});
