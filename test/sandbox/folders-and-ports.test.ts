import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { withLock } from '../../sandbox/folder-lock.ts';
import { freePort, readPorts, rememberedPorts } from '../../sandbox/free-port.ts';
import { writeKubeconfig } from '../../sandbox/kubeconfig.ts';
import { sandboxKeys } from '../../sandbox/sandbox-keys.ts';
import { cacheFolder, sandboxPaths, stateFolder } from '../../sandbox/state-folder.ts';
import { pause } from './waiting.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-folders-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('state and cache folders', () => {
  it.each([
    [{}, join(homedir(), '.local/state/holdfast'), join(homedir(), '.cache/holdfast')],
    [{ XDG_STATE_HOME: '/x/state', XDG_CACHE_HOME: '/x/cache' }, '/x/state/holdfast', '/x/cache/holdfast'],
    [{ XDG_STATE_HOME: '/x', HOLDFAST_STATE_DIR: '/s', XDG_CACHE_HOME: '/x', HOLDFAST_CACHE_DIR: '/c' }, '/s', '/c'],
  ])('with %j', (environment, state, cache) => {
    expect(stateFolder(environment)).toBe(state);
    expect(cacheFolder(environment)).toBe(cache);
  });

  it.each(['', '..', 'a/b', 'A', '-a', 'a-', 'a_b', 'a'.repeat(41)])('refuses "%s" as the name of a sandbox', (name) => {
    expect(() => sandboxPaths(name, folder)).toThrow('cannot name a sandbox');
  });

  it.each(['a', 'demo', 'drill-2026-11-22', 'a'.repeat(40)])('takes "%s" as the name of a sandbox', (name) => {
    expect(sandboxPaths(name, folder).folder).toBe(join(folder, 'sandboxes', name));
  });
});

describe('ports', () => {
  it('are remembered', async () => {
    const first = await rememberedPorts(folder, ['a', 'b']);
    expect(await rememberedPorts(folder, ['a', 'b'])).toEqual(first);
    expect(await readPorts(folder)).toEqual(first);
    expect(first.a).not.toBe(first.b);
  });

  it('are replaced when somebody else has taken them, and only those', async () => {
    const first = await rememberedPorts(folder, ['a', 'b']);
    const thief = createServer().listen(first.a, '127.0.0.1');
    await once(thief, 'listening');
    try {
      const second = await rememberedPorts(folder, ['a', 'b']);
      expect(second.b).toBe(first.b);
      expect(second.a).not.toBe(first.a);
      expect(await rememberedPorts(folder, ['a', 'b'], new Set(['a']))).toEqual(second);
    } finally {
      thief.close();
    }
  });

  it('that our own server listens on are kept', async () => {
    const first = await rememberedPorts(folder, ['a']);
    const own = createServer().listen(first.a, '127.0.0.1');
    await once(own, 'listening');
    try {
      expect(await rememberedPorts(folder, ['a'], new Set(['a']))).toEqual(first);
    } finally {
      own.close();
    }
  });

  it.each(['', '{', '[]', 'null', '{"a":"80"}', '{"a":1.5}'])('are chosen anew when the file says %j', async (text) => {
    await writeFile(join(folder, 'ports.json'), text);
    const { a } = await rememberedPorts(folder, ['a']);
    expect(a).toBeGreaterThanOrEqual(20_000);
    expect(a).toBeLessThan(30_000);
  });

  it('are free', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await once(server, 'listening');
    server.close();
  });
});

describe('withLock', () => {
  it('lets one at a time work, and tells those who wait', async () => {
    const path = join(folder, 'locks', 'one.lock');
    const order: string[] = [];
    let waits = 0;
    const work = (name: string) =>
      withLock(path, { onWait: () => (waits += 1) }, async () => {
        order.push(`${name} begins`);
        await pause(300);
        order.push(`${name} ends`);
      });
    await Promise.all([work('a'), work('b')]);
    expect(order[1]?.slice(0, 1)).toBe(order[0]?.slice(0, 1));
    expect(order).toHaveLength(4);
    expect(waits).toBe(1);
  });

  it('is open again after a failure', async () => {
    const path = join(folder, 'one.lock');
    await expect(withLock(path, {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(path, {}, () => Promise.resolve('done'))).toBe('done');
  });

  it('gives up waiting when told to', async () => {
    const path = join(folder, 'one.lock');
    const abort = new AbortController();
    await withLock(path, {}, async () => {
      const waiting = withLock(
        path,
        {
          signal: abort.signal,
          onWait: () => {
            abort.abort(new Error('enough'));
          },
        },
        () => Promise.resolve(),
      );
      await expect(waiting).rejects.toThrow();
    });
  });
});

describe('the keys of a sandbox', () => {
  it('are made once, for their owner only', async () => {
    const first = await sandboxKeys(folder);
    const key = await readFile(first.admin.key, 'utf8');
    expect(await sandboxKeys(folder)).toEqual(first);
    expect(await readFile(first.admin.key, 'utf8')).toBe(key);
    expect((await stat(first.admin.key)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
  });

  it('go into a kubeconfig with one context, for its owner only', async () => {
    const keys = await sandboxKeys(folder);
    const file = join(folder, 'kubeconfig');
    await writeKubeconfig(file, {
      context: 'holdfast-a',
      server: 'https://127.0.0.1:1',
      user: 'u',
      authority: keys.authority,
      ...keys.admin,
    });
    const config = parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const key = (await readFile(keys.admin.key)).toString('base64');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(config['current-context']).toBe('holdfast-a');
    expect(config['users']).toEqual([{ name: 'u', user: expect.objectContaining({ 'client-key-data': key }) }]);
  });
});
