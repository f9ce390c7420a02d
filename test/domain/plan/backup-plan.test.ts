import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { captureTasks } from '../../../domain/plan/backup-plan.ts';
import { resourceKey } from '../../../domain/resource/identity.ts';
import { DISCOVERED, selection } from '../fixtures.ts';

const types = {
  namespaced: DISCOVERED.filter(({ namespaced }) => namespaced),
  clusterScoped: DISCOVERED.filter(({ namespaced }) => !namespaced),
};
const whole = { selection: selection(), types, namespaces: ['a', 'b', 'c', 'd'], namespaceCount: 4 };

describe('the tasks of a backup', () => {
  it('hold every kind once, in four cluster-wide tasks, the big kinds first and apart', () => {
    const tasks = captureTasks(whole);
    expect(tasks).toHaveLength(4);
    expect(tasks.flatMap((task) => task.types.map(resourceKey)).sort()).toEqual(DISCOVERED.map(resourceKey).sort());
    expect(tasks.map((task) => task.types[0] && resourceKey(task.types[0])).sort()).toEqual([
      'configmaps',
      'pods',
      'replicasets.apps',
      'secrets',
    ]);
    for (const task of tasks)
      expect(task).toMatchObject({ listNamespaces: [''], namespaceIndex: 0, continueToken: '', fallbackReason: '' });
  });

  it('list few named namespaces one by one, and cluster-scoped kinds apart', () => {
    const tasks = captureTasks({ ...whole, selection: selection({ includedNamespaces: ['a', 'b'] }), namespaces: ['a', 'b'] });
    expect(tasks).toHaveLength(4);
    for (const task of tasks) {
      const scopes = new Set(task.types.map(({ namespaced }) => namespaced));
      expect(scopes.size).toBe(1);
      expect(task.listNamespaces).toEqual(scopes.has(true) ? ['a', 'b'] : ['']);
    }
  });

  it('list the cluster when more than three namespaces are named, or all of them', () => {
    const many = captureTasks({ ...whole, selection: selection({ includedNamespaces: ['*'] }), namespaces: ['a', 'b'], namespaceCount: 2 });
    const four = captureTasks({ ...whole, selection: selection({ includedNamespaces: ['a*'] }), namespaceCount: 9 });
    for (const task of [...many, ...four]) expect(task.listNamespaces).toEqual(['']);
  });

  it('do not exist for nothing', () => {
    expect(captureTasks({ ...whole, types: { namespaced: [], clusterScoped: [] } })).toEqual([]);
    const none = captureTasks({
      ...whole,
      types: { ...types, clusterScoped: [] },
      selection: selection({ includedNamespaces: ['x*'] }),
      namespaces: [],
    });
    expect(none).toEqual([]);
  });

  it('do not depend on the order of discovery', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...DISCOVERED], { minLength: DISCOVERED.length }), (shuffled) => {
        const again = {
          namespaced: shuffled.filter(({ namespaced }) => namespaced),
          clusterScoped: shuffled.filter(({ namespaced }) => !namespaced),
        };
        expect(captureTasks({ ...whole, types: again })).toEqual(captureTasks(whole));
      }),
    );
  });
});
