import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { HttpClient } from '../../kubernetes/http-client.ts';
import { logs } from '../../kubernetes/logs.ts';
import type { CallOptions, LogsRequest } from '../../kubernetes/port.ts';
import { refuse, scriptedAccess, startScriptedServer, type Answer } from './scripted-server.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function setUp(answer: Answer, more: Partial<LogsRequest> & CallOptions = {}) {
  const server = await startScriptedServer(answer);
  const client = new HttpClient(scriptedAccess(server.url));
  cleanups.push(
    () => client.close(),
    () => server.stop(),
  );
  const lines = logs(client, 'prod', { namespace: 'a', pod: 'm', container: 'main', follow: true, ...more });
  return { server, lines };
}

const begin = (response: ServerResponse, ...pieces: (string | Buffer)[]) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  for (const piece of pieces) response.write(piece);
};

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of lines) seen.push(line);
  return seen;
}

describe('logs', () => {
  it('gives every line until the container ends, also an empty and an unended one', async () => {
    const snow = Buffer.from('snow ☃ man\n\nlast');
    const { server, lines } = await setUp(
      (response) => {
        begin(response, 'one\ntw', 'o\r\n', snow.subarray(0, 6), snow.subarray(6));
        response.end();
      },
      { sinceTime: '2026-11-22T00:00:00Z', tailLines: 0 },
    );
    expect(await all(lines)).toStrictEqual(['one', 'two\r', 'snow ☃ man', '', 'last']);
    const url = new URL(server.requests[0]?.url ?? '', server.url);
    expect(url.pathname).toBe('/api/v1/namespaces/a/pods/m/log');
    expect(Object.fromEntries(url.searchParams)).toStrictEqual({
      container: 'main',
      follow: 'true',
      sinceTime: '2026-11-22T00:00:00Z',
      tailLines: '0',
    });
  });

  it('gives a line that never ends in pieces', async () => {
    const { lines } = await setUp((response) => {
      begin(response, 'x'.repeat(1024 * 1024 + 5), '\nend\n');
      response.end();
    });
    const [first, second, third] = await all(lines);
    expect([first?.length, second, third]).toStrictEqual([1024 * 1024, 'xxxxx', 'end']);
  });

  it.each([
    [404, 'NotFound'],
    [403, 'Forbidden'],
    [503, 'Unavailable'],
  ])('a refusal with %i is %s', async (status, type) => {
    const { lines } = await setUp((response) => {
      refuse(response, status, { message: 'no' });
    });
    await expect(all(lines)).rejects.toMatchObject({ type, message: 'cluster prod: cannot read the log of pods a/m: no' });
  });

  it('is Unavailable when the connection breaks, after the lines that came', async () => {
    const { lines } = await setUp((response) => {
      begin(response, 'one\ntwo\n');
      setTimeout(() => response.socket?.destroy(), 30);
    });
    const seen: string[] = [];
    const read = async () => {
      for await (const line of lines) seen.push(line);
    };
    await expect(read()).rejects.toMatchObject({ type: 'Unavailable' });
    expect(seen).toStrictEqual(['one', 'two']);
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const { lines } = await setUp(
      (response) => {
        begin(response, 'one\n');
      },
      { signal: controller.signal },
    );
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 50);
    await expect(all(lines)).rejects.toThrow('enough');
  });

  it('closes the connection when the caller stops reading', async () => {
    let closed: Promise<void> | undefined;
    const { lines } = await setUp((response) => {
      closed = new Promise((resolve) => response.on('close', resolve));
      begin(response, 'one\ntwo\n');
    });
    for await (const line of lines) {
      expect(line).toBe('one');
      break;
    }
    await closed;
  });
});
