import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import type { ResourceType } from '../../contracts/resource.ts';
import { HttpClient } from '../../kubernetes/http-client.ts';
import type { WatchEvent } from '../../kubernetes/port.ts';
import { watch } from '../../kubernetes/watch.ts';
import { refuse, scriptedAccess, startScriptedServer, type Answer } from './scripted-server.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const CONFIGMAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
const event = (type: string, revision: string) => `${JSON.stringify({ type, object: { metadata: { resourceVersion: revision } } })}\n`;
const begin = (response: ServerResponse, ...events: string[]) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const one of events) response.write(one);
};

async function setUp(answer: Answer, idleMs?: number) {
  const server = await startScriptedServer(answer);
  const client = new HttpClient(scriptedAccess(server.url));
  cleanups.push(
    () => client.close(),
    () => server.stop(),
  );
  const controller = new AbortController();
  const request = { type: CONFIGMAPS, namespace: 'a', labelSelector: 'x=y', fromRevision: '5', signal: controller.signal };
  const events = watch(client, 'prod', idleMs === undefined ? request : { ...request, idleMs });
  return { server, controller, events };
}

async function take(events: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { type, object } of events) {
    taken.push(`${type} ${(object['metadata'] as { resourceVersion: string }).resourceVersion}`);
    if (taken.length === count) break;
  }
  return taken;
}

const revisionOf = (url: string | undefined) => new URL(url ?? '', 'http://x').searchParams.get('resourceVersion');

describe('watch', () => {
  it('goes on from the last revision, bookmarks included, after every kind of interruption', async () => {
    const { server, events } = await setUp((response, _request, index) => {
      if (index === 0) {
        begin(response, event('ADDED', '6'), event('BOOKMARK', '9'));
        response.end();
      } else if (index === 1) {
        begin(response, event('MODIFIED', '10'), '{"type":"DELE');
        setTimeout(() => response.socket?.destroy(), 20);
      } else if (index === 2) response.socket?.destroy();
      else if (index === 3) refuse(response, 503);
      else begin(response, event('DELETED', '12'));
    });
    expect(await take(events, 3)).toStrictEqual(['ADDED 6', 'MODIFIED 10', 'DELETED 12']);
    expect(server.requests.map(({ url }) => revisionOf(url))).toStrictEqual(['5', '9', '10', '10', '10']);
    const query = new URL(server.requests[0]?.url ?? '', server.url).searchParams;
    expect(Object.fromEntries(query)).toMatchObject({ watch: 'true', allowWatchBookmarks: 'true', labelSelector: 'x=y' });
  });

  it('leaves a connection on which nothing comes', async () => {
    const { server, events } = await setUp((response, _request, index) => {
      begin(response, event('ADDED', String(6 + index)));
    }, 150);
    expect(await take(events, 3)).toStrictEqual(['ADDED 6', 'ADDED 7', 'ADDED 8']);
    expect(server.requests.map(({ url }) => revisionOf(url))).toStrictEqual(['5', '6', '7']);
  });

  it('stays on a connection on which something comes now and then', async () => {
    const { server, events } = await setUp((response) => {
      begin(response, event('ADDED', '6'));
      [7, 8, 9].forEach((revision, index) => setTimeout(() => response.write(event('BOOKMARK', String(revision))), 100 * (index + 1)));
      setTimeout(() => response.write(event('DELETED', '10')), 400);
    }, 250);
    expect(await take(events, 2)).toStrictEqual(['ADDED 6', 'DELETED 10']);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [
      'as an event',
      (response: ServerResponse) => {
        begin(response, '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}\n');
      },
    ],
    [
      'as the answer',
      (response: ServerResponse) => {
        refuse(response, 410, { message: 'too old resource version' });
      },
    ],
  ])('ends with Conflict on 410 %s', async (_what, answer) => {
    const { events } = await setUp(answer);
    await expect(take(events, 1)).rejects.toMatchObject({
      type: 'Conflict',
      message: 'cluster prod: cannot watch configmaps a/*: too old resource version',
    });
  });

  it('ends at once when it is refused', async () => {
    const { server, events } = await setUp((response) => {
      refuse(response, 403, { message: 'no' });
    });
    await expect(take(events, 1)).rejects.toMatchObject({ type: 'Forbidden' });
    expect(server.requests).toHaveLength(1);
  });

  it('ends with the signal, and leaves no connection behind', async () => {
    let closed = 0;
    const { controller, events } = await setUp((response) => {
      begin(response, event('ADDED', '6'));
      response.on('close', () => {
        closed += 1;
      });
    });
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 100);
    expect(await take(events, 10)).toStrictEqual(['ADDED 6']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(1);
  });

  it('closes the connection when the caller stops', async () => {
    const closed: Promise<void>[] = [];
    const { events } = await setUp((response) => {
      closed.push(new Promise((resolve) => response.on('close', resolve)));
      begin(response, event('ADDED', '6'), event('ADDED', '7'));
    });
    expect(await take(events, 1)).toStrictEqual(['ADDED 6']);
    await Promise.all(closed);
    expect(closed).toHaveLength(1);
  });

  it('does not ask a server in a tight loop that ends each watch at once', async () => {
    const { server, controller, events } = await setUp((response) => response.end());
    setTimeout(() => {
      controller.abort();
    }, 600);
    await take(events, 1);
    expect(server.requests.length).toBeLessThan(6);
  });
});
