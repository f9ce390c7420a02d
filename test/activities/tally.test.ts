import { describe, expect, it } from '@jest/globals';
import { Tally } from '../../activities/apply/tally.ts';
import { chunks } from '../../activities/apply/chunks.ts';
import { inFlight } from '../../activities/apply/in-flight.ts';

const ERROR = { code: 'Forbidden', message: 'refused' };

describe('Tally', () => {
  it('counts what became of each object', () => {
    const tally = Tally.resume(undefined);
    tally.add({ action: 'create', unlinked: true });
    tally.add({ action: 'skip', unlinked: false, warning: ERROR });
    tally.add(ERROR);
    tally.add(undefined);
    expect(tally.done).toBe(4);
    expect(tally.result()).toMatchObject({ failed: 1, unlinked: 1, warnings: [ERROR], errors: [ERROR] });
    expect(tally.result().counts).toMatchObject({ create: 1, skip: 1, omit: 0 });
  });

  it('goes on from a checkpoint that went through a heartbeat as if nothing had happened', () => {
    const straight = Tally.resume(undefined);
    const first = Tally.resume(undefined);
    for (let index = 0; index < 70; index += 1) {
      straight.add(index % 2 ? ERROR : { action: 'create', unlinked: false });
      if (index < 35) first.add(index % 2 ? ERROR : { action: 'create', unlinked: false });
    }
    const second = Tally.resume(JSON.parse(JSON.stringify(first.checkpoint())));
    for (let index = 35; index < 70; index += 1) second.add(index % 2 ? ERROR : { action: 'create', unlinked: false });
    expect(second.result()).toEqual(straight.result());
    expect(second.done).toBe(70);
  });

  it('stays small however much goes wrong, and says how much it leaves out', () => {
    const tally = Tally.resume(undefined);
    for (let index = 0; index < 10_000; index += 1) tally.add(ERROR);
    expect(JSON.stringify(tally.checkpoint()).length).toBeLessThan(10_000);
    expect(tally.result()).toMatchObject({ failed: 10_000 });
    expect(tally.result().errors.at(-1)?.message).toBe('and 9950 more like these');
  });
});

describe('chunks', () => {
  it('regroups without loss and in order', async () => {
    async function* lists() {
      for (const size of [3, 0, 10, 1, 1, 1]) yield await Promise.resolve(Array.from({ length: size }, (_, index) => `${size}-${index}`));
    }
    const groups: (readonly string[])[] = [];
    for await (const group of chunks(lists(), 4)) groups.push(group);
    expect(groups.map(({ length }) => length)).toEqual([13, 3]);
    expect(groups.flat()).toHaveLength(16);
  });
});

describe('inFlight', () => {
  it('keeps the order and the width', async () => {
    let now = 0;
    let most = 0;
    const results = await inFlight([5, 1, 4, 2, 3], 2, async (value) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, value));
      now -= 1;
      return value * 10;
    });
    expect([results, most]).toEqual([[50, 10, 40, 20, 30], 2]);
  });

  it('throws the first failure only when nothing is under way any more, and starts nothing new', async () => {
    const begun: number[] = [];
    let ended = 0;
    const work = inFlight([1, 2, 3, 4, 5, 6], 2, async (value) => {
      begun.push(value);
      await new Promise((resolve) => setTimeout(resolve, value === 2 ? 20 : 5));
      ended += 1;
      if (value === 1) throw new Error('first');
      return value;
    });
    await expect(work).rejects.toThrow('first');
    expect([begun, ended]).toEqual([[1, 2], 2]);
  });
});
