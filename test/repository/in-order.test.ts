import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { InOrder } from '../../repository/in-order.ts';

describe('things in order', () => {
  it('are handed on as they were put in, whichever is done first', async () => {
    const taken: number[] = [];
    const order = new InOrder<number>((value) => taken.push(value));
    const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    order.put(first.promise);
    order.put(second.promise);
    second.resolve(2);
    await turn();
    expect({ taken: [...taken], waiting: order.size }).toEqual({ taken: [], waiting: 2 });
    first.resolve(1);
    await order.first();
    await order.all();
    await turn();
    expect({ taken, waiting: order.size }).toEqual({ taken: [1, 2], waiting: 0 });
  });

  it('end with the first failure, which is told to whoever waits, then or later', async () => {
    const taken: number[] = [];
    const order = new InOrder<number>((value) => taken.push(value));
    order.put(Promise.reject(new Error('broken')));
    await turn();
    order.put(Promise.resolve(2));
    await expect(order.first()).rejects.toThrow('broken');
    await turn();
    await expect(order.first()).rejects.toThrow('broken');
    await expect(order.all()).rejects.toThrow('broken');
    expect(taken).toEqual([]);
  });
});
