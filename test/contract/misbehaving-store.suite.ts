import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../storage/object-store.ts';
import { scriptedHttp } from '../support/scripted-http.ts';

/** Of an answer whose body ends early. */
const HALF = { 'content-length': '100', etag: '"1"' };

type Open = (endpoint: string, requestTimeoutMs: number) => ObjectStore;

/** What every driver that speaks HTTP must make of servers and networks that fail. `open` returns a store without retries. */
export function misbehavingStoreContract(name: string, open: Open): void {
  describe(`a server of ${name} that misbehaves`, () => {
    let end: (() => Promise<void>) | undefined;
    afterEach(async () => {
      await end?.();
      end = undefined;
    });

    async function storeOf(listener: RequestListener, requestTimeoutMs = 5_000): Promise<ObjectStore> {
      const server = await scriptedHttp(listener);
      const store = open(server.endpoint, requestTimeoutMs);
      end = async () => {
        await store.close();
        await server.stop();
      };
      return store;
    }
    const unavailable = { type: 'Unavailable' };

    it('is not waited for for ever', async () => {
      const store = await storeOf(() => undefined, 200);
      await expect(store.read('a')).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('200 ms') });
    });

    it('is not waited for for ever in the middle of a body', async () => {
      const store = await storeOf((_request, response) => response.writeHead(200, HALF).write('half'), 300);
      await expect(store.read('a')).rejects.toMatchObject(unavailable);
    });

    it('ends with the reason of the signal in the middle of a body', async () => {
      const store = await storeOf((_request, response) => response.writeHead(200, HALF).write('half'));
      const controller = new AbortController();
      const reason = new Error('cancelled');
      setTimeout(() => {
        controller.abort(reason);
      }, 100);
      await expect(store.read('a', undefined, { signal: controller.signal })).rejects.toBe(reason);
    });

    it('never gets a body that was cut taken for the whole', async () => {
      const store = await storeOf((_request, response) => {
        response.writeHead(200, HALF).write('half', () => response.destroy());
      });
      await expect(store.read('a')).rejects.toMatchObject(unavailable);
    });

    it('never gets a range taken for another', async () => {
      const store = await storeOf((_request, response) =>
        response.writeHead(206, { ...HALF, 'content-range': 'bytes 0-9/100', 'content-length': '10' }).end('0123456789'),
      );
      await expect(store.read('a', { offset: 0, length: 20 })).rejects.toMatchObject(unavailable);
    });

    it.each([408, 429, 500, 502, 503, 504])(
      'is asked once and is Unavailable when it answers %d, for as long as it says',
      async (status) => {
        let requests = 0;
        const store = await storeOf((request, response) => {
          requests++;
          request.resume().on('end', () => response.writeHead(status, { 'retry-after': '7' }).end());
        });
        await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject({ ...unavailable, retryAfterMs: 7_000 });
        expect(requests).toBe(1);
      },
    );

    it('is Unavailable when it resets the connection', async () => {
      const store = await storeOf((request) => request.socket.resetAndDestroy());
      await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject(unavailable);
      await expect(store.stat('a')).rejects.toMatchObject(unavailable);
    });

    it('is Forbidden when it refuses credentials from the beginning, and Unavailable when they were good before', async () => {
      let status = 401;
      const store = await storeOf((request, response) => {
        request.resume().on('end', () => response.writeHead(status).end());
      });
      await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject({ type: 'Forbidden' });
      status = 201;
      await store.create('a', Buffer.from('x')).catch(() => undefined);
      status = 401;
      await expect(store.create('b', Buffer.from('x'))).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining('no longer'),
      });
      status = 201;
      await store.create('b', Buffer.from('x')).catch(() => undefined);
    });
  });
}
