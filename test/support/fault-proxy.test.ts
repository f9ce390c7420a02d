import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FaultProxy } from './fault-proxy.ts';
import { status, type Fault } from './fault-rules.ts';

const BODY = 'the whole body of the answer';

describe('the fault proxy', () => {
  let upstream: Server;
  let proxy: FaultProxy;
  const heard: string[] = [];

  beforeEach(async () => {
    heard.length = 0;
    upstream = createServer((request, response) => {
      void buffer(request).then((body) => {
        heard.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''} ${body.toString()}`);
        response.writeHead(200, { 'content-type': 'text/plain', 'x-from': 'upstream' });
        response.end(BODY);
      });
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    proxy = await FaultProxy.start({ upstream: { origin: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` } });
  });

  afterEach(async () => {
    await proxy.stop();
    upstream.closeAllConnections();
    upstream.close();
  });

  async function ask(path: string, method = 'GET', body = '', timeoutMs = 2_000): Promise<{ status: number; body: string; from: unknown }> {
    const sent = httpRequest(new URL(path, proxy.url), { method, agent: false, timeout: timeoutMs });
    sent.on('error', () => undefined);
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, body: (await buffer(answer)).toString(), from: answer.headers['x-from'] };
  }
  const only = (fault: Fault) => {
    proxy.rules({ name: 'it', fault });
  };

  it('passes requests and answers on unchanged', async () => {
    const host = new URL(proxy.url).host;
    expect(await ask('/a/b?c=d', 'PUT', 'sent')).toEqual({ status: 200, body: BODY, from: 'upstream' });
    expect(heard).toEqual([`PUT /a/b?c=d ${host} sent`]);
    expect(proxy.requests).toBe(1);
    expect(proxy.done).toEqual({});
  });

  it('answers with a status in place of the server', async () => {
    only(status(429, { 'retry-after': '1' }, 'slow down'));
    expect(await ask('/', 'POST', 'x'.repeat(100_000))).toMatchObject({ status: 429, body: 'slow down' });
    expect(heard).toEqual([]);
    expect(proxy.done).toEqual({ it: 1 });
  });

  it('delays, hangs and resets', async () => {
    only({ kind: 'delay', ms: 300 });
    const began = performance.now();
    expect(await ask('/')).toMatchObject({ status: 200 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
    only({ kind: 'hang' });
    await expect(ask('/', 'GET', '', 300)).rejects.toThrow('no answer');
    heard.length = 0;
    only({ kind: 'reset' });
    await expect(ask('/')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(heard).toEqual([]);
  });

  it('breaks off in the middle of an answer', async () => {
    only({ kind: 'reset-body', afterBytes: 5 });
    await expect(ask('/')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(heard).toHaveLength(1);
  });

  it('cuts an answer so that it looks whole, and changes one bit', async () => {
    only({ kind: 'truncate', afterBytes: 5 });
    expect(await ask('/')).toMatchObject({ status: 200, body: BODY.slice(0, 5) });
    only({ kind: 'wrong-byte' });
    const { body } = await ask('/');
    expect(body).toHaveLength(BODY.length);
    expect(Array.from(body).filter((letter, index) => letter !== BODY[index])).toHaveLength(1);
  });

  it('sends an answer in drops', async () => {
    only({ kind: 'slow-body', pieceBytes: Math.ceil(BODY.length / 3), pauseMs: 60 });
    const began = performance.now();
    expect(await ask('/')).toMatchObject({ status: 200, body: BODY });
    expect(performance.now() - began).toBeGreaterThanOrEqual(170);
  });

  it('lets the server do it and loses the answer', async () => {
    only({ kind: 'lose-answer' });
    await expect(ask('/', 'PUT', 'kept')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(heard).toEqual([expect.stringContaining('kept')]);
  });

  it('chooses requests by method, path, predicate and number', async () => {
    proxy.rules(
      { name: 'second put', fault: status(500), method: 'PUT', nth: 2 },
      { name: 'first two lists', fault: status(501), path: /list-type=2/, first: 2 },
      { name: 'from the second of a kind', fault: status(502), where: ({ headers }) => headers['x-kind'] !== undefined, from: 2 },
    );
    const statuses = async (path: string, method: string, times: number) => {
      const all: number[] = [];
      for (let time = 0; time < times; time += 1) all.push((await ask(path, method)).status);
      return all;
    };
    expect(await statuses('/', 'PUT', 3)).toEqual([200, 500, 200]);
    expect(await statuses('/?list%2Dtype=2', 'GET', 3)).toEqual([501, 501, 200]);
    expect(proxy.done).toEqual({ 'second put': 1, 'first two lists': 2 });
  });

  it('fails the same requests for the same seed', async () => {
    const run = async (seed: number) => {
      const other = await FaultProxy.start({ upstream: { origin: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` }, seed });
      other.rules({ name: 'some', fault: status(503), probability: 0.3 });
      const codes: number[] = [];
      for (let time = 0; time < 40; time += 1) codes.push((await fetch(other.url)).status);
      await other.stop();
      return codes;
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
    expect(first.filter((code) => code === 503).length).toBeGreaterThan(4);
    expect(first.filter((code) => code === 503).length).toBeLessThan(22);
  });

  it('tells an observer of every request before it is passed on', async () => {
    const seen: string[] = [];
    const stop = proxy.onRequest(({ number, path }) => seen.push(`${number} ${path}`));
    await ask('/one');
    await ask('/two');
    stop();
    await ask('/three');
    expect(seen).toEqual(['1 /one', '2 /two']);
  });
});
