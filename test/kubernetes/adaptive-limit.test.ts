import { describe, expect, it } from '@jest/globals';
import { AdaptiveLimit, type LoadSignal } from '../../kubernetes/adaptive-limit.ts';

interface SimulatedServer {
  /** Requests that it works on at once; more are queued. */
  readonly workers: number;
  readonly serviceMs: number;
  /** Answers `overload` to requests beyond this number. */
  readonly refusesAbove?: number;
}

/** Drives a limit against a server in simulated time; requests never run out. Returns the limit after so many answers. */
async function drive(limit: AdaptiveLimit, clock: { now: number }, server: SimulatedServer, answers: number): Promise<number> {
  const busy: { readonly endsAt: number; readonly end: () => void }[] = [];
  const start = async () => {
    const permit = await limit.acquire();
    const refused = busy.length >= (server.refusesAbove ?? Infinity);
    const queuedBehind = Math.floor(busy.length / server.workers);
    const endsAt = clock.now + (refused ? 1 : server.serviceMs * (1 + queuedBehind));
    const signal: LoadSignal = refused ? 'overload' : 'ok';
    busy.push({
      endsAt,
      end: () => {
        permit.release(signal);
      },
    });
    busy.sort((a, b) => a.endsAt - b.endsAt);
  };
  for (let count = 0; count < 300; count += 1) void start();
  for (let answered = 0; answered < answers; answered += 1) {
    await Promise.resolve();
    const next = busy.shift();
    if (!next) throw new Error('the limit admits nothing');
    clock.now = Math.max(clock.now, next.endsAt);
    next.end();
    void start();
    await Promise.resolve();
  }
  return limit.limit;
}

function setUp() {
  const clock = { now: 0 };
  return { clock, limit: new AdaptiveLimit({ now: () => clock.now }) };
}

describe('AdaptiveLimit', () => {
  it('admits sixteen at first, in the order of asking', async () => {
    const { limit } = setUp();
    const granted: number[] = [];
    const permits = await Promise.all(Array.from({ length: 16 }, () => limit.acquire()));
    for (const index of [1, 2]) void limit.acquire().then(() => granted.push(index));
    await Promise.resolve();
    expect(granted).toStrictEqual([]);
    permits[0]?.release('neutral');
    await Promise.resolve();
    permits[1]?.release('neutral');
    await Promise.resolve();
    expect(granted).toStrictEqual([1, 2]);
  });

  it('reaches its bound within a few hundred answers of a server with room, and never exceeds it', async () => {
    for (const answers of [400, 3_000]) {
      const { clock, limit } = setUp();
      expect(await drive(limit, clock, { workers: 1_000, serviceMs: 10 }, answers)).toBe(128);
    }
  });

  it('stays where latency begins to grow beyond measure', async () => {
    const { clock, limit } = setUp();
    const settled = await drive(limit, clock, { workers: 2, serviceMs: 10 }, 5_000);
    expect(settled).toBeGreaterThanOrEqual(16);
    expect(settled).toBeLessThan(80);
  });

  it('finds its place below the point where the server refuses, and keeps working', async () => {
    const { clock, limit } = setUp();
    const settled = await drive(limit, clock, { workers: 100, serviceMs: 10, refusesAbove: 40 }, 5_000);
    expect(settled).toBeGreaterThanOrEqual(18);
    expect(settled).toBeLessThanOrEqual(42);
  });

  it('does not grow while nobody waits', async () => {
    const { limit } = setUp();
    for (let count = 0; count < 100; count += 1) (await limit.acquire()).release('ok');
    expect(limit.limit).toBe(16);
  });

  it('halves once for all requests of one round trip, and stops at one', async () => {
    const { clock, limit } = setUp();
    const permits = await Promise.all(Array.from({ length: 16 }, () => limit.acquire()));
    clock.now = 5;
    for (const permit of permits) permit.release('overload');
    expect(limit.limit).toBe(8);
    for (let count = 0; count < 10; count += 1) {
      clock.now += 1;
      (await limit.acquire()).release('overload');
    }
    expect(limit.limit).toBe(1);
  });

  it('starts nothing while it is paused', async () => {
    const limit = new AdaptiveLimit();
    limit.pause(120);
    const begin = performance.now();
    const waiting = [limit.acquire(), limit.acquire()];
    await Promise.all(waiting);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(115);
  });

  it('starts after a pause whenever it ends, also between two looks at the clock', async () => {
    for (let milliseconds = 1; milliseconds <= 12; milliseconds++) {
      let time = 0;
      const limit = new AdaptiveLimit({ now: () => time++ });
      limit.pause(milliseconds);
      (await limit.acquire()).release('neutral');
    }
  });

  it('lets somebody who waits go with the signal, without losing a permit', async () => {
    const { limit } = setUp();
    const permits = await Promise.all(Array.from({ length: 16 }, () => limit.acquire()));
    const controller = new AbortController();
    const waiting = limit.acquire(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(limit.acquire(controller.signal)).rejects.toThrow('enough');
    for (const permit of permits) permit.release('neutral');
    await expect(Promise.all(Array.from({ length: 16 }, () => limit.acquire()))).resolves.toHaveLength(16);
  });
});
