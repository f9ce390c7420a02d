import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { HttpClient, type ApiRequest, type HttpClientOptions } from '../../kubernetes/http-client.ts';
import { json, refuse, scriptedAccess, startScriptedServer, type Answer } from './scripted-server.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function setUp(answer: Answer, options: HttpClientOptions = { patienceMs: 10_000 }) {
  const server = await startScriptedServer(answer);
  const access = scriptedAccess(server.url);
  const client = new HttpClient(access, options);
  cleanups.push(
    () => client.close(),
    () => server.stop(),
  );
  return { server, access, client };
}

const operation = { verb: 'get', subject: 'configmaps default/a', cluster: 'scripted' };
const get: ApiRequest = { method: 'GET', path: '/x', operation };
const post: ApiRequest = { method: 'POST', path: '/x', body: '{}', operation };
const patch: ApiRequest = { ...post, method: 'PATCH' };

/** Fails the first answers by `fail`, then answers 200. */
const failing =
  (times: number, fail: (response: ServerResponse) => void): Answer =>
  (response, _request, index) => {
    if (index < times) fail(response);
    else json(response, 200, { ok: true });
  };
const reset = (response: ServerResponse) => response.socket?.destroy();
const cutShort = (response: ServerResponse) => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('{"half":');
  setTimeout(() => response.socket?.destroy(), 20);
};

describe('HttpClient', () => {
  it.each([
    ['a reset connection', reset],
    ['a body that is cut short', cutShort],
    [
      '429',
      (response: ServerResponse) => {
        json(response, 429, {}, { 'retry-after': '0' });
      },
    ],
    [
      '503 with Retry-After',
      (response: ServerResponse) => {
        json(response, 503, {}, { 'retry-after': '0' });
      },
    ],
    [
      '500',
      (response: ServerResponse) => {
        refuse(response, 500);
      },
    ],
  ])('reads again after %s', async (_what, fail) => {
    const { client, server } = await setUp(failing(2, fail));
    for (const request of [get, patch]) await expect(client.send(request)).resolves.toMatchObject({ status: 200 });
    expect(server.requests).toHaveLength(4);
  });

  it('gives the last answer of a server error that stays, soon', async () => {
    const { client, server } = await setUp((response) => {
      refuse(response, 500);
    });
    await expect(client.send(get)).resolves.toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    ['a reset connection', reset],
    ['a body that is cut short', cutShort],
  ])('never sends a POST again after %s', async (_what, fail) => {
    const { client, server } = await setUp(failing(1, fail));
    await expect(client.send(post)).rejects.toMatchObject({ name: 'HoldfastError', type: 'Unavailable' });
    expect(server.requests).toHaveLength(1);
  });

  it('never sends a POST again after 500 or 503, which may have been executed', async () => {
    for (const status of [500, 503]) {
      const { client, server } = await setUp(
        failing(1, (response) => {
          json(response, status, {}, { 'retry-after': '0' });
        }),
      );
      await expect(client.send(post)).resolves.toMatchObject({ status });
      expect(server.requests).toHaveLength(1);
    }
  });

  it('sends a POST again after 429: it was not executed', async () => {
    const { client, server } = await setUp(
      failing(2, (response) => {
        json(response, 429, {});
      }),
    );
    await expect(client.send(post)).resolves.toMatchObject({ status: 200 });
    expect(server.requests).toHaveLength(3);
  });

  it('waits as long as Retry-After says, all requests together', async () => {
    const { client } = await setUp(
      failing(1, (response) => {
        json(response, 429, {}, { 'retry-after': '1' });
      }),
    );
    const begin = performance.now();
    const first = client.send(get);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.send(post);
    expect(performance.now() - begin).toBeGreaterThan(950);
    await first;
  });

  it('gives the 429 as the answer when patience ends', async () => {
    const { client } = await setUp(
      (response) => {
        json(response, 429, {}, { 'retry-after': '1' });
      },
      { patienceMs: 500 },
    );
    await expect(client.send(get)).resolves.toMatchObject({ status: 429 });
  });

  it('says what cannot be reached, and sends POSTs again only until then', async () => {
    const { client, server } = await setUp(() => undefined, { patienceMs: 300 });
    await server.stop();
    cleanups.pop();
    await expect(client.send(post)).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringMatching(/^cluster scripted: cannot get configmaps default\/a: .*ECONNREFUSED/),
    });
  });

  it('refreshes the credentials once for all requests that meet a 401', async () => {
    const { client, access } = await setUp((response, request) => {
      if (request.headers.authorization === 'Bearer token-0') refuse(response, 401);
      else json(response, 200, {});
    });
    const answers = await Promise.all([get, post, get, post].map((request) => client.send(request)));
    expect(answers.map(({ status }) => status)).toStrictEqual([200, 200, 200, 200]);
    expect(access.refreshes()).toBe(1);
  });

  it('gives up after one refresh', async () => {
    const { client, server } = await setUp((response) => {
      refuse(response, 401);
    });
    await expect(client.send(get)).resolves.toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(2);
  });

  it('gives up a request without an answer after its timeout', async () => {
    const { client } = await setUp(() => undefined, { patienceMs: 100, timeoutMs: 200 });
    await expect(client.send(get)).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringContaining('no answer within 0.2 s'),
    });
  });

  it('ends at once with the signal, under way and between attempts', async () => {
    for (const answer of [
      () => undefined,
      (response: ServerResponse) => {
        json(response, 429, {}, { 'retry-after': '5' });
      },
    ]) {
      const { client } = await setUp(answer);
      const reason = new Error('cancelled by the user');
      const controller = new AbortController();
      const begin = performance.now();
      setTimeout(() => {
        controller.abort(reason);
      }, 100);
      await expect(client.send({ ...get, signal: controller.signal })).rejects.toBe(reason);
      expect(performance.now() - begin).toBeLessThan(1_000);
    }
  });

  it('sends nothing any more once the signal has ended it while connecting', async () => {
    const { client, server } = await setUp((response) => {
      json(response, 200, {});
    });
    const controller = new AbortController();
    const sending = client.send({ ...post, signal: controller.signal });
    // Enough for the request to wait for its connection, which takes a turn of the event loop.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    controller.abort(new Error('cancelled'));
    await expect(sending).rejects.toThrow('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.requests).toHaveLength(0);
  });

  it('refuses an answer without end', async () => {
    const { client } = await setUp(
      (response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(64_000)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      },
      { maxBodyBytes: 1_000_000 },
    );
    await expect(client.send(get)).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('larger than 1000000 bytes'),
    });
  });

  it('keeps connections alive and asks for uncompressed answers', async () => {
    const ports = new Set<number | undefined>();
    const { client, server } = await setUp((response) => {
      ports.add(response.socket?.remotePort);
      json(response, 200, {});
    });
    for (let count = 0; count < 5; count += 1) await client.send(get);
    expect(ports.size).toBeLessThanOrEqual(2);
    expect(server.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', authorization: 'Bearer token-0' });
  });

  it('goes through the proxy of the kubeconfig', async () => {
    const proxy = await startScriptedServer((response) => {
      json(response, 200, { through: 'proxy' });
    });
    const client = new HttpClient({ ...scriptedAccess('http://api.invalid:6443'), proxyUrl: proxy.url });
    cleanups.push(
      () => client.close(),
      () => proxy.stop(),
    );
    await expect(client.send(get)).resolves.toMatchObject({ status: 200 });
    expect(proxy.requests[0]?.url).toBe('http://api.invalid:6443/x');
  });
});
