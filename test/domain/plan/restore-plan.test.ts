import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import { ConflictPolicy, RestoreAction } from '../../../contracts/restore.ts';
import type { RestoreOptions } from '../../../contracts/restore.ts';
import { LIVE_NEEDED, planObject, planWithoutLive } from '../../../domain/plan/restore-plan.ts';
import type { RestoreContext } from '../../../domain/plan/restore-plan.ts';
import { compileSelection } from '../../../domain/selection/matcher.ts';
import { arbitraryJson, deepFreeze, DISCOVERED, kind, object, selection, SERVER_METADATA } from '../fixtures.ts';

function context(part: Partial<RestoreOptions> = {}, more: Partial<RestoreContext> = {}): RestoreContext {
  const options: RestoreOptions = {
    selection: selection(),
    namespaceMapping: {},
    conflictPolicy: 'skip',
    includeControlled: false,
    preserveNodePorts: false,
    allow: [],
    readinessTimeoutMs: 1_000,
    ...part,
  };
  const matcher = compileSelection(options.selection, { types: DISCOVERED });
  return {
    options,
    selection: matcher,
    ownerPresent: () => true,
    restoresVolume: () => false,
    refills: () => false,
    snapshotOf: () => '',
    ...more,
  };
}

const plan = (captured: JsonObject, live: JsonObject | undefined, part: Partial<RestoreOptions> = {}, type = 'configmaps') =>
  planObject({ captured: deepFreeze(captured), type: kind(type), live, context: context(part) });

const captured = object({ data: { a: 'old' } }, SERVER_METADATA);
const same = object({ data: { a: 'old' } }, { ...SERVER_METADATA, uid: 'other', resourceVersion: '7' });
const different = object({ data: { a: 'new' } }, SERVER_METADATA);
const webhook = object({ webhooks: [{ name: 'a' }] }, {}, '');
const WEBHOOK = 'validatingwebhookconfigurations.admissionregistration.k8s.io';

describe('what a restore does with one object', () => {
  it('creates what the cluster has not', () => {
    expect(plan(captured, undefined)).toEqual({
      action: 'create',
      object: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'web' },
      desired: { apiVersion: 'v1', kind: 'ConfigMap', ...object({ data: { a: 'old' } }) },
    });
  });

  it.each(Object.values(ConflictPolicy))('leaves what is equal, with policy %s', (conflictPolicy) => {
    expect(plan(captured, same, { conflictPolicy })).toEqual({ action: 'unchanged', object: expect.anything() });
  });

  it.each([
    ['skip', 'skip'],
    ['update', 'update'],
    ['replace', 'replace'],
    ['fail', 'conflict'],
  ] as const)('policy %s makes a differing object %s, and names the fields', (conflictPolicy, action) => {
    expect(plan(captured, different, { conflictPolicy })).toMatchObject({ action, differs: ['/data/a'] });
  });

  it('is silent about what the selection does not take', () => {
    expect(plan(captured, undefined, { selection: selection({ includedNamespaces: ['other'] }) })).toBeUndefined();
    expect(plan(object(), undefined, { selection: selection({ labelSelector: 'a=b' }) }, 'nodes')).toBeUndefined();
  });

  it('omits what is never restored, and says why', () => {
    expect(plan(object(), undefined, {}, 'events')).toMatchObject({ action: 'omit', reason: expect.stringContaining('old cluster') });
  });

  it('omits what a present controller makes again, unless asked to restore it, or the controller is gone', () => {
    const pod = object({}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }] });
    expect(plan(pod, undefined, {}, 'pods')).toMatchObject({ action: 'omit', reason: 'made again by ReplicaSet web' });
    expect(plan(pod, undefined, { includeControlled: true }, 'pods')).toMatchObject({ action: 'create' });
    const orphaned = context({}, { ownerPresent: () => false });
    expect(planObject({ captured: pod, type: kind('pods'), live: undefined, context: orphaned })?.action).toBe('create');
  });

  it('asks about owners in the namespace in which they were captured', () => {
    const pod = object({}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }] });
    const asked: string[] = [];
    const recording = context(
      { namespaceMapping: { shop: 'copy' } },
      { ownerPresent: ({ name }, namespace) => asked.push(`${namespace}/${name}`) > 0 },
    );
    expect(planObject({ captured: pod, type: kind('pods'), live: undefined, context: recording })?.object.namespace).toBe('copy');
    expect(asked).toEqual(['shop/web']);
  });

  it('maps namespaces before it compares', () => {
    const part: Partial<RestoreOptions> = { namespaceMapping: { shop: 'copy' } };
    expect(plan(captured, undefined, part)).toMatchObject({ object: { namespace: 'copy' }, desired: { metadata: { namespace: 'copy' } } });
    expect(plan(captured, object({ data: { a: 'old' } }, {}, 'copy'), part)?.action).toBe('unchanged');
  });

  it('a claim names its volume only when that is restored', () => {
    const claim = object({ spec: { volumeName: 'pv1' } });
    const type = kind('persistentvolumeclaims');
    const desired = (restored: boolean) =>
      planObject({ captured: claim, type, live: undefined, context: context({}, { restoresVolume: () => restored }) })?.desired?.['spec'];
    expect(desired(true)).toEqual({ volumeName: 'pv1' });
    expect(desired(false)).toBeUndefined();
  });

  it('a volume whose storage went with it is left to the provisioner, unless the cluster still has it', () => {
    const volume = object(
      { spec: { persistentVolumeReclaimPolicy: 'Delete', claimRef: { namespace: 'shop' } } },
      { annotations: { 'pv.kubernetes.io/provisioned-by': 'csi' } },
      '',
    );
    expect(plan(volume, undefined, {}, 'persistentvolumes')).toMatchObject({ action: 'omit', reason: expect.stringContaining('Delete') });
    expect(plan(volume, volume, {}, 'persistentvolumes')).toMatchObject({ action: 'unchanged' });
    const kept = { ...volume, spec: { persistentVolumeReclaimPolicy: 'Retain', claimRef: { namespace: 'shop' } } };
    expect(plan(kept, undefined, {}, 'persistentvolumes')).toMatchObject({ action: 'create' });
  });

  it('a volume whose claim is filled from the backup is provisioned anew, unless somebody has made it by hand or the cluster still has it', () => {
    const spec = { persistentVolumeReclaimPolicy: 'Retain', claimRef: { namespace: 'shop', name: 'data' } };
    const provisioned = object({ spec }, { annotations: { 'pv.kubernetes.io/provisioned-by': 'csi' } }, '');
    const planned = (volume: JsonObject, live?: JsonObject, filled = 'shop/data') => {
      const refills = (namespace: string, claim: string) => `${namespace}/${claim}` === filled;
      return planObject({ captured: volume, type: kind('persistentvolumes'), live, context: context({}, { refills }) });
    };
    expect(planned(provisioned)).toMatchObject({ action: 'omit', reason: expect.stringContaining('its data is in the backup') });
    expect(planned(provisioned, undefined, 'shop/other')).toMatchObject({ action: 'create' });
    expect(planned(provisioned, provisioned)).toMatchObject({ action: 'unchanged' });
    expect(planned(object({ spec }, {}, ''))).toMatchObject({ action: 'create' });
  });

  it.each([
    ['namespaces', {}, 'update'],
    ['persistentvolumeclaims', {}, 'update'],
    ['persistentvolumes', {}, 'update'],
    ['customresourcedefinitions.apiextensions.k8s.io', {}, 'update'],
    ['statefulsets.apps', { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } } }, 'update'],
    ['statefulsets.apps', { spec: {} }, 'replace'],
    ['deployments.apps', {}, 'replace'],
  ] as const)('policy replace never deletes what holds more than itself: %s %j is %s', (type, live, action) => {
    const body = object({ data: 1 }, {}, kind(type).namespaced ? 'shop' : '');
    expect(plan(body, { ...live, metadata: body['metadata'] ?? {} }, { conflictPolicy: 'replace' }, type)).toMatchObject({ action });
  });
});

describe('the policy gate in a plan', () => {
  it('refuses to write, and says how to allow it', () => {
    expect(plan(webhook, undefined, {}, WEBHOOK)).toMatchObject({ action: 'refuse', reason: expect.stringContaining('--allow webhooks') });
    expect(plan(webhook, undefined, {}, WEBHOOK)?.desired).toBeUndefined();
  });

  it('lets pass what is allowed, and what is asked for by name', () => {
    expect(plan(webhook, undefined, { allow: ['webhooks'] }, WEBHOOK)?.action).toBe('create');
    expect(plan(webhook, undefined, { selection: selection({ objects: [`${WEBHOOK}/web`] }) }, WEBHOOK)?.action).toBe('create');
  });

  it.each(['skip', 'update', 'replace', 'fail'] as const)('never refuses what is live and equal (policy %s)', (conflictPolicy) => {
    expect(plan(webhook, { ...webhook, status: {} }, { conflictPolicy }, WEBHOOK)?.action).toBe('unchanged');
  });

  it.each([
    ['skip', 'skip'],
    ['update', 'refuse'],
    ['replace', 'refuse'],
    ['fail', 'refuse'],
  ] as const)('with policy %s a differing one is %s', (conflictPolicy, action) => {
    const live = { ...webhook, webhooks: [] };
    expect(plan(webhook, live, { conflictPolicy }, WEBHOOK)).toMatchObject({ action, differs: ['/webhooks/0'] });
  });
});

describe('plans of any object', () => {
  const type = fc.constantFrom(...DISCOVERED);
  const live = fc.option(arbitraryJson.object, { nil: undefined });
  const policy = fc.constantFrom(...Object.values(ConflictPolicy));

  it('policy skip never writes an existing object, fail never writes one, and an equal one is never written', () => {
    fc.assert(
      fc.property(type, arbitraryJson.object, live, policy, (someType, body, existing, conflictPolicy) => {
        const result = planObject({
          captured: deepFreeze(body),
          type: someType,
          live: existing,
          context: context({ conflictPolicy }),
        });
        const writes: RestoreAction[] = [RestoreAction.Create, RestoreAction.Update, RestoreAction.Replace];
        if (result === undefined) return;
        expect(writes.includes(result.action)).toBe(result.desired !== undefined);
        if (existing !== undefined) {
          expect(result.action).not.toBe('create');
          if (conflictPolicy === 'skip' || conflictPolicy === 'fail') expect(writes).not.toContain(result.action);
        } else {
          expect(['create', 'omit', 'refuse']).toContain(result.action);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('an object restored once is unchanged the next time', () => {
    fc.assert(
      fc.property(type, arbitraryJson.object, (someType, body) => {
        const request = {
          captured: body,
          type: someType,
          context: context({ conflictPolicy: 'update' }, { ownerPresent: () => false }),
        };
        const first = planObject({ ...request, live: undefined });
        if (first?.desired === undefined) return;
        expect(planObject({ ...request, live: first.desired })?.action).toBe('unchanged');
      }),
      { numRuns: 500 },
    );
  });

  it('what is settled without the live object stays so with it', () => {
    fc.assert(
      fc.property(type, arbitraryJson.object, live, (someType, body, existing) => {
        const request = { captured: body, type: someType, context: context() };
        const early = planWithoutLive(request);
        if (early !== LIVE_NEEDED) expect(planObject({ ...request, live: existing })).toEqual(early);
      }),
    );
  });
});
