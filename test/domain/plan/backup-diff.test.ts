import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { diffInventories } from '../../../domain/plan/backup-diff.ts';
import type { InventoryObject } from '../../../domain/plan/backup-diff.ts';
import { kind, object, SERVER_METADATA } from '../fixtures.ts';

const item = (name: string, value: string, type = 'configmaps'): InventoryObject => ({
  type: kind(type),
  object: object({ data: { value } }, { name }),
});

describe('the difference of two backups', () => {
  it('names what came, went and changed, by pointer and without values', () => {
    const before = [item('a', '1'), item('b', '1'), item('c', '1'), item('a', '1', 'secrets')];
    const after = [
      item('d', '1'),
      item('b', '2'),
      { ...item('c', '1'), object: object({ data: { value: '1' }, status: {} }, { name: 'c', ...SERVER_METADATA }) },
      item('a', '1', 'secrets'),
    ];
    expect(diffInventories(before, after)).toEqual({
      added: [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'd' }],
      removed: [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' }],
      changed: [{ object: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'b' }, fields: ['/data/value'] }],
    });
  });

  it('is empty against itself, and mirrored the other way round', () => {
    const inventory = fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2')), { selector: ([name]) => name })
      .map((list) => list.map(([name, value]) => item(name, value)));
    fc.assert(
      fc.property(inventory, inventory, (a, b) => {
        const forth = diffInventories(a, b);
        const back = diffInventories(b, a);
        expect(diffInventories(a, a)).toEqual({ added: [], removed: [], changed: [] });
        expect(back).toEqual({ added: forth.removed, removed: forth.added, changed: forth.changed });
      }),
    );
  });
});
