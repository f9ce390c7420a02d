import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NOTHING_CONDEMNED, sameVerdicts, type CondemnedList } from '../../../repository/condemned-lists.ts';
import { planCollection, type CollectionFacts, type PackFacts } from '../../../repository/gc/plan-collection.ts';
import { indexesToReplace } from '../../../repository/gc/plan-indexes.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const HOUR = 3_600_000;
const at = (hours: number): string => new Date(START + hours * HOUR).toISOString();
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

const packOf = (packId: string): fc.Arbitrary<PackFacts> =>
  fc
    .record({
      sizeBytes: fc.integer({ min: 1, max: 100 }),
      age: fc.integer({ min: 0, max: 300 }),
      isNeeded: fc.boolean(),
      share: fc.nat(100),
    })
    .map(({ sizeBytes, age, isNeeded, share }) => ({
      packId,
      sizeBytes,
      modifiedAt: at(300 - age),
      isNeeded,
      neededBytes: isNeeded ? Math.floor((sizeBytes * share) / 100) : 0,
    }));

const lists: fc.Arbitrary<CondemnedList> = fc
  .record({
    number: fc.integer({ min: 1, max: 5 }),
    standings: fc.array(fc.constantFrom('none', 'condemned', 'doomed', 'left', 'sparse'), { minLength: 6, maxLength: 6 }),
    since: fc.array(fc.nat(300), { minLength: 6, maxLength: 6 }),
  })
  .map(({ number, standings, since }) => {
    const of = (standing: string): string[] => NAMES.filter((_, index) => standings[index] === standing);
    return {
      number,
      condemned: new Map(of('condemned').map((name) => [name, at(since[NAMES.indexOf(name)] ?? 0)])),
      doomed: new Set(of('doomed')),
      left: new Set(of('left')),
      sparse: new Set(of('sparse')),
    };
  });

const facts: fc.Arbitrary<CollectionFacts> = fc.record({
  now: fc.constant(at(300)),
  graceMs: fc.constantFrom(0, HOUR, 72 * HOUR),
  list: fc.oneof(fc.constant(NOTHING_CONDEMNED), lists),
  enteredList: fc.nat(5),
  packs: fc.subarray(NAMES).chain((names) => fc.tuple(...names.map(packOf))),
});

describe('planning a collection', () => {
  it('never dooms or condemns a pack that is needed', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { verdicts, next } = planCollection(given);
        for (const { packId, isNeeded } of given.packs) {
          if (!isNeeded) continue;
          expect(verdicts.get(packId)).toEqual({ fate: 'needed' });
          expect(next.condemned.has(packId) || next.doomed.has(packId) || next.left.has(packId)).toBe(false);
        }
      }),
    );
  });

  it('dooms no pack before it has been condemned for the grace, and condemns none that is younger', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { list, graceMs, now } = given;
        const { next } = planCollection(given);
        for (const { packId, modifiedAt } of given.packs) {
          if (next.condemned.has(packId) || next.doomed.has(packId)) {
            const announced = list.doomed.has(packId) || list.condemned.has(packId) || list.left.has(packId);
            if (!announced) expect(Date.parse(now) - Date.parse(modifiedAt)).toBeGreaterThanOrEqual(graceMs);
          }
          if (next.doomed.has(packId) && graceMs > 0 && !list.doomed.has(packId)) {
            expect(Date.parse(now) - Date.parse(list.condemned.get(packId) ?? now)).toBeGreaterThanOrEqual(graceMs);
          }
        }
      }),
    );
  });

  it('has one verdict for every pack, and each pack in one list at most', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { verdicts, next } = planCollection(given);
        expect([...verdicts.keys()].sort()).toEqual(given.packs.map(({ packId }) => packId).sort());
        const listed = [...next.condemned.keys(), ...next.doomed, ...next.left, ...next.sparse];
        expect(new Set(listed).size).toBe(listed.length);
        expect(next.number).toBeGreaterThan(Math.max(given.list.number, given.enteredList));
      }),
    );
  });

  it('changes nothing the second time, done or interrupted', () => {
    fc.assert(
      fc.property(facts, fc.boolean(), (given, swept) => {
        const { next } = planCollection(given);
        const goes = (packId: string): boolean => next.doomed.has(packId) || next.left.has(packId);
        const packs = swept ? given.packs.filter(({ packId }) => !goes(packId)) : given.packs;
        const list = swept ? { ...next, doomed: new Set<string>(), left: new Set<string>() } : next;
        const again = planCollection({ ...given, packs, list, enteredList: next.number - 1 });
        expect(sameVerdicts(again.next, list)).toBe(true);
      }),
    );
  });

  it('asks for no second entry in the chain when the first is there', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { next } = planCollection(given);
        const again = planCollection({ ...given, list: next, enteredList: next.number });
        expect(again.next.doomed.size).toBe(0);
        expect(again.next.left).toEqual(new Set([...next.doomed, ...next.left]));
      }),
    );
  });
});

describe('choosing indexes to replace', () => {
  const indexes = fc.array(fc.record({ key: fc.uuid(), sizeBytes: fc.integer({ min: 1, max: 1_000_000 }), packs: fc.subarray(NAMES) }), {
    maxLength: 60,
  });

  it('takes every one that names a dropped pack', () => {
    fc.assert(
      fc.property(indexes, fc.subarray(NAMES), (given, dropped) => {
        const replaced = indexesToReplace(given, new Set(dropped));
        for (const index of given) if (index.packs.some((pack) => dropped.includes(pack))) expect(replaced).toContain(index);
      }),
    );
  });

  it('leaves large ones and few small ones as they are', () => {
    const few = Array.from({ length: 32 }, (_, number) => ({ key: String(number), sizeBytes: 10, packs: ['a'] }));
    const large = { key: 'large', sizeBytes: 10_000_000, packs: ['a'] };
    expect(indexesToReplace([...few, large], new Set())).toEqual([]);
    const many = [...few, { key: 'one more', sizeBytes: 10, packs: ['b'] }];
    expect(indexesToReplace([...many, large], new Set())).toEqual(many);
  });
});
