import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pLimit from 'p-limit';
import { collect } from '../support/collect.ts';
import { largeContract } from './large-objects.ts';
import { lockContract } from './locks.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';

/** A new, empty, prepared store. */
export interface ContractStore {
  readonly store: ObjectStore;
  /** The same place once more, as another process would open it. */
  readonly reopen?: () => ObjectStore;
  /** Another place of the same kind, empty, from which `store` can copy. */
  readonly elsewhere?: () => Promise<ObjectStore>;
  /** Removes everything. */
  dispose(): Promise<void>;
}

/** Keys that no server sends in one answer. */
const MORE_THAN_A_PAGE = 1_050;

/**
 * What every driver of the port must do, and what it must do where it declares that it can. One variant of a driver lists `many` keys, more than
 * two answers hold; the others share its code.
 */
export function objectStoreContract(name: string, makeStore: () => Promise<ContractStore>, { many = MORE_THAN_A_PAGE } = {}): void {
  describe(`object store contract: ${name}`, () => {
    let made: ContractStore;
    let store: ObjectStore;
    let dispose: () => Promise<void>;
    beforeAll(async () => {
      made = await makeStore();
      ({ store } = made);
      dispose = () => made.dispose();
    });
    const reopened: ObjectStore[] = [];
    const reopen = (): ObjectStore => {
      const again = made.reopen?.();
      if (again) reopened.push(again);
      return again ?? store;
    };
    afterAll(async () => {
      for (const again of reopened) await again.close();
      await store.close();
      await dispose();
    });

    async function listed(prefix: string, after?: string): Promise<StoredObject[]> {
      return collect(store.list(prefix, after === undefined ? {} : { after }));
    }
    const keysOf = async (prefix: string, after?: string) => (await listed(prefix, after)).map(({ key }) => key);

    it('has an empty list before anything is stored', async () => {
      expect(await keysOf('')).toEqual([]);
      expect(await keysOf('nothing/here/')).toEqual([]);
    });

    it.each([
      ['text', Buffer.from('hello')],
      ['every byte', Buffer.from(Array.from({ length: 256 }, (_, index) => index))],
      ['nothing', Buffer.alloc(0)],
      ['16 MiB', randomBytes(16 * 1024 * 1024)],
    ])('returns %s as it was stored', async (what, body) => {
      const key = `content/${what.toLowerCase().replaceAll(' ', '-')}`;
      await store.create(key, body);
      expect((await store.read(key)).equals(body)).toBe(true);
      const found = await store.stat(key);
      expect(found).toMatchObject({ key, sizeBytes: body.length });
      expect(new Date(found?.modifiedAt ?? '').toISOString()).toBe(found?.modifiedAt);
    });

    it('does not keep a reference to the bytes that it was given', async () => {
      const body = Buffer.from('before');
      await store.create('copied/one', body);
      body.write('after!');
      expect((await store.read('copied/one')).toString()).toBe('before');
    });

    it('creates a key once, and says AlreadyExists even for equal content', async () => {
      await store.create('once/a', Buffer.from('first'));
      await expect(store.create('once/a', Buffer.from('second'))).rejects.toMatchObject({ type: 'AlreadyExists' });
      await expect(store.create('once/a', Buffer.from('first'))).rejects.toMatchObject({ type: 'AlreadyExists' });
      expect((await store.read('once/a')).toString()).toBe('first');
    });

    it('lets exactly one of 16 concurrent creators win', async () => {
      const bodies = Array.from({ length: 16 }, (_, index) => Buffer.alloc(10_000, index));
      const results = await Promise.allSettled(bodies.map((body) => store.create('race/key', body)));
      const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [bodies[index]] : []));
      if (store.capabilities.atomicCreate) expect(winners).toHaveLength(1);
      else expect(winners.length).toBeGreaterThan(0);
      expect(winners).toContainEqual(await store.read('race/key'));
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ type: 'AlreadyExists' });
      expect(await keysOf('race/')).toEqual(['race/key']);
    });

    it('keeps names with every legal character apart', async () => {
      const names = [
        'abcdefghijklmnopqrstuvwxyz0123456789._-',
        '-a',
        '_a',
        '0',
        'a',
        'a-',
        'a.',
        'a..b',
        'a.b',
        'a_',
        'b.json.zst',
        'x'.repeat(200),
        `${'d/'.repeat(150)}${'y'.repeat(150)}`,
      ];
      const keys = names.map((name) => `names/${name}`).sort();
      for (const key of keys) await store.create(key, Buffer.from(key));
      expect(await keysOf('names/')).toEqual(keys);
      for (const key of keys) {
        expect((await store.read(key)).toString()).toBe(key);
        expect(await store.stat(key)).toMatchObject({ key, sizeBytes: key.length });
      }
      for (const key of keys.slice(1)) await store.delete(key);
      expect(await keysOf('names/')).toEqual(keys.slice(0, 1));
    });

    it('reads ranges', async () => {
      const body = randomBytes(1000);
      await store.create('ranges/a', body);
      for (const [offset, length] of [
        [0, 1000],
        [0, 1],
        [999, 1],
        [10, 500],
        [5, 0],
      ] as const) {
        expect((await store.read('ranges/a', { offset, length })).equals(body.subarray(offset, offset + length))).toBe(true);
      }
    });

    it.each([
      ['reaches beyond the end', { offset: 5, length: 6 }],
      ['begins beyond the end', { offset: 50, length: 5 }],
    ])('never answers a range that %s with fewer bytes', async (what, range) => {
      const key = `short/${what.replaceAll(' ', '-')}`;
      await store.create(key, Buffer.alloc(10));
      await expect(store.read(key, range)).rejects.toMatchObject({ type: 'Damaged' });
    });

    it('knows what is not there', async () => {
      await expect(store.read('missing/a')).rejects.toMatchObject({ type: 'NotFound' });
      await expect(store.read('missing/a', { offset: 0, length: 1 })).rejects.toMatchObject({ type: 'NotFound' });
      await expect(store.read('missing/a', { offset: 0, length: 0 })).rejects.toMatchObject({ type: 'NotFound' });
      expect(await store.stat('missing/a')).toBeUndefined();
      expect(await store.stat('missing')).toBeUndefined();
    });

    it('names location and key in its errors', async () => {
      await expect(store.read('missing/named')).rejects.toThrow(store.url);
      await expect(store.read('missing/named')).rejects.toThrow('missing/named');
    });

    it('deletes, again and again', async () => {
      await store.create('deleted/a', Buffer.from('a'));
      await store.delete('deleted/a');
      await store.delete('deleted/a');
      await store.delete('never/there');
      expect(await store.stat('deleted/a')).toBeUndefined();
      await store.create('deleted/a', Buffer.from('b'));
      expect((await store.read('deleted/a')).toString()).toBe('b');
    });

    it('lists in the order of bytes, below a prefix, after a key', async () => {
      const inside = ['order/a-b', 'order/a.b', 'order/a/b', 'order/a/c/d', 'order/a0', 'order/b'];
      for (const key of ['ordes', 'order-x', ...inside].reverse()) await store.create(key, Buffer.from(key));
      expect(await keysOf('order/')).toEqual(inside);
      expect(await keysOf('order/', 'order/a-b')).toEqual(inside.slice(1));
      expect(await keysOf('order/', 'order/a/b')).toEqual(['order/a/c/d', 'order/a0', 'order/b']);
      expect(await keysOf('order/', 'order/a/bb')).toEqual(['order/a/c/d', 'order/a0', 'order/b']);
      expect(await keysOf('order/', 'order/b')).toEqual([]);
      expect((await keysOf('')).filter((key) => key.startsWith('orde'))).toEqual(['order-x', ...inside, 'ordes']);
    });

    it(`lists ${many} keys, more than a server sends at once`, async () => {
      const keys = Array.from({ length: many }, (_, index) => `many/${String(index % 7)}/${String(index).padStart(5, '0')}`).sort();
      const limit = pLimit(32);
      await Promise.all(keys.map((key) => limit(() => store.create(key, Buffer.from(key)))));
      const found = await listed('many/');
      expect(found.map(({ key }) => key)).toEqual(keys);
      expect(found.every(({ key, sizeBytes }) => sizeBytes === key.length)).toBe(true);
      const half = Math.floor(many / 2);
      expect(await keysOf('many/', keys[half - 1])).toEqual(keys.slice(half));
    }, 120_000);

    it.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a/.', '.hidden', 'A', 'a b', 'ä', 'a\0b', 'a\\b', 'x'.repeat(2000)])(
      'refuses the key %j',
      async (key) => {
        await expect(store.create(key, Buffer.alloc(1))).rejects.toMatchObject({ type: 'BadInput' });
        await expect(store.read(key)).rejects.toMatchObject({ type: 'BadInput' });
        await expect(store.stat(key)).rejects.toMatchObject({ type: 'BadInput' });
        await expect(store.delete(key)).rejects.toMatchObject({ type: 'BadInput' });
      },
    );

    it('refuses a prefix that is not a folder', async () => {
      await expect(keysOf('pre')).rejects.toMatchObject({ type: 'BadInput' });
      await expect(keysOf('../')).rejects.toMatchObject({ type: 'BadInput' });
    });

    it('ends with the reason of its signal, and leaves nothing behind', async () => {
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(store.create('aborted/a', Buffer.alloc(10), { signal })).rejects.toBe(reason);
      await expect(store.read('content/text', undefined, { signal })).rejects.toBe(reason);
      await expect(store.stat('content/text', { signal })).rejects.toBe(reason);
      await expect(store.delete('content/text', { signal })).rejects.toBe(reason);
      await expect(collect(store.list('many/', { signal }))).rejects.toBe(reason);
      expect(await keysOf('aborted/')).toEqual([]);
      expect((await store.read('content/text')).toString()).toBe('hello');
    });

    it('never shows half of an object whose creation was aborted on the way', async () => {
      const body = randomBytes(8 * 1024 * 1024);
      for (let delay = 0; delay < 5; delay++) {
        const controller = new AbortController();
        const reason = new Error('stop');
        setTimeout(() => {
          controller.abort(reason);
        }, delay * 3);
        const key = `aborted-later/${String(delay)}`;
        const outcome = await store.create(key, body, { signal: controller.signal }).then(
          () => 'created',
          (error: unknown) => error,
        );
        expect(['created', reason]).toContain(outcome);
        const found = await store.stat(key);
        if (outcome === 'created') expect(found?.sizeBytes).toBe(body.length);
        else if (found) expect((await store.read(key)).equals(body)).toBe(true);
      }
    });

    it('tells its clock, and what it keeps', async () => {
      const facts = await store.facts();
      expect(new Date(facts.serverTime).toISOString()).toBe(facts.serverTime);
      expect(Math.abs(Date.parse(facts.serverTime) - Date.now())).toBeLessThan(60_000);
      for (const fact of [facts.versioning, facts.objectLock]) expect([true, false, undefined]).toContain(fact);
      if (!store.capabilities.objectLock) expect(facts.objectLock).not.toBe(true);
    });

    it('copies from its own kind of place, or says that it cannot', async () => {
      const from = await made.elsewhere?.();
      expect(store.canCopyFrom({ ...store.place, scheme: store.place.scheme === 'file' ? 's3' : 'file' })).toBe(false);
      if (!from) return;
      expect(store.canCopyFrom(from.place)).toBe(true);
      const body = randomBytes(3_000_000);
      await from.create('copy/a', body);
      await from.create('copy/empty', Buffer.alloc(0));
      await store.copyFrom(from.place, 'copy/a');
      await store.copyFrom(from.place, 'copy/empty');
      expect((await store.read('copy/a')).equals(body)).toBe(true);
      expect((await store.read('copy/empty')).length).toBe(0);
      await from.delete('copy/a');
      expect((await store.read('copy/a')).equals(body)).toBe(true);
      await expect(store.copyFrom(from.place, 'copy/empty')).rejects.toMatchObject({ type: 'AlreadyExists' });
      await expect(store.copyFrom(from.place, 'copy/missing')).rejects.toMatchObject({ type: 'NotFound' });
      await expect(store.copyFrom(from.place, '../up')).rejects.toMatchObject({ type: 'BadInput' });
      await from.close();
    });

    lockContract(() => store);
    largeContract(() => store, reopen);

    it('can be prepared again', async () => {
      await store.prepare();
      await store.prepare();
    });
  });
}
