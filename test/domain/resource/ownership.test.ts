import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { controlledReason, ownerKey, ownersOf, withOwners } from '../../../domain/resource/ownership.ts';
import { deepFreeze, kind, object } from '../fixtures.ts';

const reference = (part: JsonObject = {}): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web-1',
  uid: 'old',
  controller: true,
  ...part,
});
const owned = (...references: JsonObject[]) => object({}, { ownerReferences: references });

describe('objects of a controller', () => {
  it.each(['pods', 'replicasets.apps', 'jobs.batch', 'controllerrevisions.apps'])('%s are left to it when it is there', (type) => {
    expect(controlledReason(owned(reference()), kind(type), () => true)).toBe('made again by ReplicaSet web-1');
    expect(controlledReason(owned(reference()), kind(type), () => false)).toBe('');
  });

  it.each(['persistentvolumeclaims', 'secrets', 'deployments.apps', 'certificates.cert-manager.io', 'services'])(
    '%s are restored all the same',
    (type) => {
      expect(controlledReason(owned(reference()), kind(type), () => true)).toBe('');
    },
  );

  it('an owner that is no controller makes nothing again', () => {
    expect(controlledReason(owned(reference({ controller: false })), kind('pods'), () => true)).toBe('');
    expect(controlledReason(object(), kind('pods'), () => true)).toBe('');
  });

  it('asks about the controller, not about other owners', () => {
    const object = owned(reference({ name: 'other', controller: false }), reference());
    expect(controlledReason(object, kind('pods'), ({ name }) => name === 'web-1')).toContain('web-1');
    expect(controlledReason(object, kind('pods'), ({ name }) => name === 'other')).toBe('');
  });
});

describe('owner references', () => {
  it('are known by group, kind and name', () => {
    const [owner] = ownersOf(owned(reference()));
    expect(owner).toEqual({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'old', controller: true });
    expect(owner && ownerKey(owner)).toBe('apps/ReplicaSet/web-1');
    expect(ownersOf({ metadata: { ownerReferences: ['x', null] } })).toEqual([]);
  });

  it('are bound to the new uids, keep controller and blockOwnerDeletion, and leave unknown owners out', () => {
    const captured = deepFreeze(owned(reference({ blockOwnerDeletion: true }), reference({ name: 'gone' })));
    const { object: linked, missing } = withOwners(deepFreeze(object({ spec: {} })), captured, ({ name }) =>
      name === 'web-1' ? 'new' : undefined,
    );
    expect(linked).toEqual({ ...object({ spec: {} }, { ownerReferences: [reference({ blockOwnerDeletion: true, uid: 'new' })] }) });
    expect(missing.map(({ name }) => name)).toEqual(['gone']);
  });

  it('an object without any known owner stays as it is', () => {
    const item = object();
    expect(withOwners(item, owned(reference()), () => undefined)).toMatchObject({ object: item, missing: [{ name: 'web-1' }] });
    expect(withOwners(item, object(), () => 'x')).toEqual({ object: item, missing: [] });
  });
});
