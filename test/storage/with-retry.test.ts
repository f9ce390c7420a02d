import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { collect } from '../support/collect.ts';
import { SeededSource } from '../support/large-source.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

const FAST = { firstWaitMs: 1, longestWaitMs: 2 };

describe('retries', () => {
  it('tries again while the store is unavailable', async () => {
    const memory = new MemoryStore();
    const faulty = new FaultyStore(memory, ({ number }) => (number <= 3 ? 'before' : 'none'));
    await withRetry(faulty, FAST).create('a', Buffer.from('x'));
    expect(faulty.calls).toBe(4);
    expect(memory.objects.get('a')?.toString()).toBe('x');
  });

  it('takes a creation whose answer was lost as done', async () => {
    const memory = new MemoryStore();
    const faulty = new FaultyStore(memory, ({ number }) => (number === 1 ? 'after' : 'none'));
    await withRetry(faulty, FAST).create('a', Buffer.from('x'));
    expect([...memory.objects.keys()]).toEqual(['a']);
  });

  it.each(['y', 'xx'])('does not take over what somebody else created (%s)', async (theirs) => {
    const memory = new MemoryStore();
    const faulty = new FaultyStore(memory, ({ number }) => {
      if (number !== 1) return 'none';
      memory.objects.set('a', Buffer.from(theirs));
      return 'before';
    });
    await expect(withRetry(faulty, FAST).create('a', Buffer.from('x'))).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(memory.objects.get('a')?.toString()).toBe(theirs);
  });

  it('does not call an object that was there from the beginning its own', async () => {
    const memory = new MemoryStore();
    memory.objects.set('a', Buffer.from('x'));
    await expect(withRetry(memory, FAST).create('a', Buffer.from('x'))).rejects.toMatchObject({ type: 'AlreadyExists' });
  });

  it('takes a large object whose answer was lost as done, and nobody else’s', async () => {
    const source = new SeededSource('large', 9 * 1024 * 1024);
    const memory = new MemoryStore();
    const faulty = new FaultyStore(memory, ({ number }) => (number === 1 ? 'after' : 'none'));
    await withRetry(faulty, FAST).createLarge('a', source);
    expect([...memory.objects.keys()]).toEqual(['a']);
    memory.objects.set('a', Buffer.alloc(source.sizeBytes));
    const late = new FaultyStore(memory, ({ number }) => (number === 1 ? 'before' : 'none'));
    await expect(withRetry(late, FAST).createLarge('a', source)).rejects.toMatchObject({ type: 'AlreadyExists' });
  });

  it('goes on with a large object as long as it gets anywhere', async () => {
    const source = new SeededSource('large', 64 * 1024 * 1024);
    const memory = new MemoryStore();
    let failures = 0;
    const createLarge = memory.createLarge.bind(memory);
    memory.createLarge = (key, body, options) => {
      if (failures >= 7) return createLarge(key, body, options);
      failures++;
      options?.onProgress?.(failures * 8 * 1024 * 1024);
      return Promise.reject(new HoldfastError('Unavailable', 'reset'));
    };
    const reports: number[] = [];
    await withRetry(memory, { ...FAST, attempts: 2 }).createLarge('a', source, { onProgress: (sent) => reports.push(sent) });
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    expect(memory.objects.get('a')?.length).toBe(source.sizeBytes);
    memory.createLarge = () => Promise.reject(new HoldfastError('Unavailable', 'down'));
    await expect(withRetry(memory, FAST).createLarge('b', source)).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('gives up after its attempts', async () => {
    const faulty = new FaultyStore(new MemoryStore(), () => 'before');
    await expect(withRetry(faulty, { ...FAST, attempts: 3 }).read('a')).rejects.toMatchObject({ type: 'Unavailable' });
    expect(faulty.calls).toBe(3);
  });

  it('gives up when waiting as long as the server asks is too long', async () => {
    const memory = new MemoryStore();
    let calls = 0;
    memory.stat = () => {
      calls++;
      return Promise.reject(new HoldfastError('Unavailable', 'slow down', { retryAfterMs: 60_000 }));
    };
    await expect(withRetry(memory, FAST).stat('a')).rejects.toMatchObject({ type: 'Unavailable' });
    expect(calls).toBe(1);
  });

  it('does not repeat what cannot succeed', async () => {
    const faulty = new FaultyStore(new MemoryStore(), () => 'none');
    await expect(withRetry(faulty, FAST).read('a')).rejects.toMatchObject({ type: 'NotFound' });
    expect(faulty.calls).toBe(1);
  });

  it('goes on with a list where it broke off: nothing twice, nothing missing', async () => {
    const memory = new MemoryStore();
    const keys = Array.from({ length: 30 }, (_, index) => `k/${String(index).padStart(3, '0')}`);
    for (const key of keys) memory.objects.set(key, Buffer.alloc(1));
    let budget = 0;
    const list = memory.list.bind(memory);
    memory.list = async function* (prefix, options) {
      for await (const object of list(prefix, options)) {
        yield object;
        if (++budget % 7 === 0) throw new HoldfastError('Unavailable', 'reset');
      }
    };
    const found = await collect(withRetry(memory, FAST).list('k/'));
    expect(found.map(({ key }) => key)).toEqual(keys);
  });

  it('stops waiting when its signal fires', async () => {
    const faulty = new FaultyStore(new MemoryStore(), () => 'before');
    const controller = new AbortController();
    const reason = new Error('cancelled');
    setTimeout(() => {
      controller.abort(reason);
    }, 20);
    const store = withRetry(faulty, { attempts: 99, firstWaitMs: 10_000, longestWaitMs: 10_000, maxWaitMs: 1e9 });
    await expect(store.read('a', undefined, { signal: controller.signal })).rejects.toBe(reason);
  });
});
