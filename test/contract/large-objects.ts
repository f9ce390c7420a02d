import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { withRetry } from '../../storage/with-retry.ts';
import { collect } from '../support/collect.ts';
import { SeededSource } from '../support/large-source.ts';
import type { ByteRange, LargeSource, ObjectStore } from '../../storage/object-store.ts';

const MIB = 1024 * 1024;
const LARGE = 200 * MIB;
/** Four parts of 16 MiB. */
const MOST_HELD = 64 * MIB;

/** Bodies that no driver may hold in memory. `reopen` is the store as another process would open it. */
export function largeContract(store: () => ObjectStore, reopen: () => ObjectStore): void {
  const keysOf = async (prefix: string) => (await collect(store().list(prefix))).map(({ key }) => key);

  async function expectContent(key: string, source: LargeSource): Promise<void> {
    expect(await store().stat(key)).toMatchObject({ key, sizeBytes: source.sizeBytes });
    for (let offset = 0; offset < source.sizeBytes; offset += 16 * MIB) {
      const range = { offset, length: Math.min(16 * MIB, source.sizeBytes - offset) };
      if (!(await store().read(key, range)).equals(await source.read(range)))
        throw new Error(`${key} is wrong after byte ${String(offset)}`);
    }
  }

  it('writes 200 MiB with a few parts of them in memory', async () => {
    const source = new SeededSource('large', LARGE + 17);
    let sent = 0;
    let held = 0;
    const read = (range: ByteRange) => {
      held = Math.max(held, source.readBytes + range.length - sent);
      return source.read(range);
    };
    const body = { sizeBytes: source.sizeBytes, fingerprint: source.fingerprint, read };
    const reports: number[] = [];
    const onProgress = (bytes: number): void => {
      sent = bytes;
      reports.push(bytes);
    };
    await store().createLarge('large/a', body, { onProgress });
    expect(source.readBytes).toBe(source.sizeBytes);
    expect(held).toBeLessThanOrEqual(MOST_HELD);
    expect(reports.at(-1)).toBe(source.sizeBytes);
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    await expectContent('large/a', source);
    const again = new SeededSource('large', LARGE + 17);
    await expect(store().createLarge('large/a', again)).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(again.readBytes).toBeLessThanOrEqual(MOST_HELD);
    expect(await keysOf('large/')).toEqual(['large/a']);
    await store().delete('large/a');
  }, 120_000);

  it.each([0, 1, 8 * MIB, 8 * MIB + 1, 17 * MIB])('writes a large object of %d bytes', async (size) => {
    const source = new SeededSource('any', size);
    const key = `large-any/${String(size)}`;
    // As every caller has it: a connection that a busy server has let go of in between is `Unavailable`, and the next attempt writes it.
    await withRetry(store()).createLarge(key, source);
    await expectContent(key, source);
  });

  /** Sends an object until its source fails after `bytes`. */
  async function cutOff(key: string, source: LargeSource, bytes: number): Promise<void> {
    const failure = new Error('the machine is gone');
    const read = (range: ByteRange) => (range.offset >= bytes ? Promise.reject(failure) : source.read(range));
    const cut = { sizeBytes: source.sizeBytes, fingerprint: source.fingerprint, read };
    await expect(store().createLarge(key, cut)).rejects.toThrow(/the machine is gone/);
    expect(await store().stat(key)).toBeUndefined();
    expect(await keysOf('large-cut/')).not.toContain(key);
  }

  it('goes on with the parts of an upload that was cut off', async () => {
    const source = new SeededSource('cut', 96 * MIB);
    await cutOff('large-cut/a', source, 64 * MIB);
    const reports: number[] = [];
    const other = reopen();
    await other.createLarge('large-cut/a', source, { onProgress: (bytes) => reports.push(bytes) });
    if (other.capabilities.resumableUploads) expect(reports[0]).toBeGreaterThanOrEqual(32 * MIB);
    expect(reports.at(-1)).toBe(source.sizeBytes);
    await expectContent('large-cut/a', source);
  }, 120_000);

  it('never uses the parts of another content', async () => {
    const size = 40 * MIB;
    await cutOff('large-cut/b', new SeededSource('one', size), 32 * MIB);
    const wanted = new SeededSource('two', size);
    await reopen().createLarge('large-cut/b', wanted);
    await expectContent('large-cut/b', wanted);
  }, 120_000);

  it('lets exactly one of several large writers win, whenever they meet', async () => {
    const keys = ['large-race/a', 'large-race/b', 'large-race/c', 'large-race/d'];
    for (const [round, key] of keys.entries()) {
      // The later rounds begin one after the other, so that some are still sending when another has ended.
      const sources = Array.from({ length: 3 }, (_, index) => new SeededSource(`${key} ${String(index)}`, 20 * MIB));
      const results = await Promise.allSettled(
        sources.map(async (source, index) => {
          await delay(round * index * 40);
          await reopen().createLarge(key, source);
        }),
      );
      for (const [index, result] of results.entries()) {
        if (result.status !== 'rejected') continue;
        const { reason } = result as { readonly reason: { readonly type?: string } };
        // A server without conditions may stumble over parts that the winner has removed while it puts them together: another attempt is told.
        const again = reason.type === 'Unavailable' && !store().capabilities.atomicCreate;
        const told: unknown = again
          ? await reopen()
              .createLarge(key, sources[index]!)
              .catch((error: unknown) => error)
          : reason;
        expect(told).toMatchObject({ type: 'AlreadyExists' });
      }
      const winners = sources.filter((_, index) => results[index]?.status === 'fulfilled');
      if (store().capabilities.atomicCreate) expect(winners).toHaveLength(1);
      const [winner] = winners;
      if (!winner) throw new Error('nobody has won');
      if (winners.length === 1) await expectContent(key, winner);
    }
    expect(await keysOf('large-race/')).toEqual(keys);
  }, 120_000);

  it('ends a large write with the reason of its signal', async () => {
    const source = new SeededSource('aborted', 40 * MIB);
    const reason = new Error('enough');
    await expect(store().createLarge('large-aborted/a', source, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const stopped = store().createLarge('large-aborted/a', source, {
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect(await store().stat('large-aborted/a')).toBeUndefined();
  }, 60_000);
}
