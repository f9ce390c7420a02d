import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chooseIndices, renameRule } from '../../plugins/elasticsearch/choose-indices.ts';
import type { KeptIndex } from '../../plugins/elasticsearch/documents.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';

const KEPT: readonly KeptIndex[] = [
  { name: 'orders', documents: 7, stream: '' },
  { name: '.notes', documents: 1, stream: '' },
  { name: '.security-7', stream: '' },
  { name: '.ds-logs-000001', documents: 3, stream: 'logs' },
  { name: '.ds-logs-000002', documents: 4, stream: 'logs' },
];
const NOTHING = { present: new Set<string>(), fromSnapshot: new Set<string>(), unfinished: new Set<string>(), isRestoring: false };
const FRESH = { shards: NOTHING, system: new Set(['.security-7']), inPlace: false, rename: '' };
const present = (...names: readonly string[]) => ({ ...NOTHING, present: new Set(names) });

describe('what of a snapshot is restored', () => {
  it('everything into an empty cluster, data streams by their name, the server own indices with the state', () => {
    expect(chooseIndices(KEPT, FRESH)).toEqual({
      wanted: ['orders', '.notes', 'logs'],
      restored: [
        { name: 'orders', documents: 7 },
        { name: '.notes', documents: 1 },
        { name: '.ds-logs-000001', documents: 3 },
        { name: '.ds-logs-000002', documents: 4 },
      ],
      inTheWay: [],
      streamsInTheWay: [],
      withState: true,
      left: [],
      hidden: [],
    });
  });

  it('what is there is left, and the state of a cluster that is used too', () => {
    const choice = chooseIndices(KEPT, { ...FRESH, shards: present('orders', '.notes', '.security-7') });
    expect(choice).toMatchObject({ wanted: ['logs'], left: ['orders'], hidden: ['.notes'], withState: false });
    expect(chooseIndices(KEPT, { ...FRESH, shards: present('.notes') })).toMatchObject({ left: [], hidden: ['.notes'], withState: true });
  });

  it('in place it is closed or deleted first, but for indices of the server', () => {
    const choice = chooseIndices(KEPT, { ...FRESH, inPlace: true, shards: present('orders', '.notes', '.ds-logs-000001') });
    expect(choice).toMatchObject({ inTheWay: ['orders'], streamsInTheWay: ['logs'], hidden: ['.notes'], withState: true });
    expect(choice.wanted).toEqual(['orders', 'logs']);
  });

  it('what an earlier attempt began is waited for and compared, and not asked for again', () => {
    const shards = { ...present('orders', '.notes'), fromSnapshot: new Set(['orders', '.notes']), unfinished: new Set(['orders']) };
    const choice = chooseIndices(KEPT, { ...FRESH, shards });
    expect(choice).toMatchObject({ wanted: ['logs'], withState: false, left: [], hidden: [] });
    expect(choice.restored.map(({ name }) => name)).toContain('orders');
    const inPlace = chooseIndices(KEPT, { ...FRESH, shards, inPlace: true });
    expect(inPlace.inTheWay).toEqual([]);
  });

  it('other names leave everything in peace, and keep the prefix of data streams', () => {
    const choice = chooseIndices(KEPT, { ...FRESH, shards: present('orders'), rename: 'old-$1' });
    expect(choice).toMatchObject({ withState: false, left: [], hidden: [] });
    expect(choice.restored.map(({ name }) => name)).toEqual(['old-orders', 'old-.notes', '.ds-old-logs-000001', '.ds-old-logs-000002']);
  });

  it('each index has exactly one fate, whatever is there', () => {
    const names = KEPT.map(({ name }) => name);
    const some = fc.subarray(names).map((list) => new Set(list));
    fc.assert(
      fc.property(some, some, some, fc.boolean(), (there, from, unfinished, inPlace) => {
        const shards = { present: there, fromSnapshot: from, unfinished, isRestoring: unfinished.size > 0 };
        const { restored, left, hidden, inTheWay } = chooseIndices(KEPT, { ...FRESH, shards, inPlace });
        const fates = [...restored.map(({ name }) => name), ...left, ...hidden].sort();
        expect(fates).toEqual(names.filter((name) => name !== '.security-7').sort());
        // Only what is there can be in the way, and only when it may be.
        expect(inTheWay.every((name) => inPlace && there.has(name) && !unfinished.has(name))).toBe(true);
      }),
    );
  });
});

describe('the option rename', () => {
  const task: QuiesceTask = {
    id: 'elasticsearch/shop/search',
    plugin: 'elasticsearch',
    namespace: 'shop',
    application: 'search',
    settings: {},
    timeoutSeconds: 1,
    leaseSeconds: 60,
    onError: 'fail',
    claims: [],
    guarantee: 'application',
  };

  it.each(['', 'old-$1', 'a$1.b'])('takes "%s"', (rename) => {
    expect(renameRule(task, rename)).toBe(rename);
  });

  it.each(['old', '$1', 'Old-$1', '$1-$1', '-$1', 'a b$1'])('refuses "%s"', (rename) => {
    expect(() => renameRule(task, rename)).toThrow(expect.objectContaining({ type: 'BadInput' }));
  });
});
