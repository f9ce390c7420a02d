import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { downloadTool } from '../../sandbox/download-tool.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { TOOLS } from '../../sandbox/tool-catalogue.ts';
import type { ProgressEvent } from '../../sandbox/tool-progress.ts';
import type { Release } from '../../sandbox/tool-releases.ts';
import { fakeGo } from './fake-tools.ts';

const BINARY = Buffer.from(`#!/bin/sh\n${'echo official\n'.repeat(20_000)}`);
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

let folder: string;
let server: Server;
let respond: (response: ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-download-'));
  server = createServer((_request, response) => {
    respond(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** A release of etcd for this machine, served by the test's server. */
function release(more: Partial<Release> = {}): Release {
  const { port } = server.address() as AddressInfo;
  const platform = `${process.platform}-${process.arch}`;
  const pinned = { tool: 'etcd', version: TOOLS.etcd.module.version, platform, sha256: sha256(BINARY) } as const;
  return { ...pinned, url: `http://127.0.0.1:${port}/etcd`, ...more };
}

const serve = (content: Buffer) => {
  respond = (response) => response.end(content);
};
const target = () => join(folder, 'etcd');

/** One entry of a tar archive, with its content padded to whole blocks. */
function entry(name: string, content: Buffer, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156);
  if (type === '2') header.write('/etc/passwd', 157);
  header.write('ustar\0', 257);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const archive = (...entries: Buffer[]) => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));

describe('downloadTool', () => {
  it('keeps exactly what has the pinned hash', async () => {
    serve(BINARY);
    await downloadTool(release(), target(), undefined);
    expect((await readFile(target())).equals(BINARY)).toBe(true);
    expect(await readdir(folder)).toEqual(['etcd']);
  });

  it('refuses another hash, says which, and leaves nothing', async () => {
    const other = Buffer.concat([BINARY, Buffer.from('\n')]);
    serve(other);
    await expect(downloadTool(release(), target(), undefined)).rejects.toThrow(
      `its SHA-256 is ${sha256(other)}, not the pinned ${sha256(BINARY)}`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a download that was cut short', async () => {
    respond = (response) => {
      response.writeHead(200, { 'content-length': BINARY.length });
      response.write(BINARY.subarray(0, 1000), () => response.destroy());
    };
    await expect(downloadTool(release(), target(), undefined)).rejects.toMatchObject({ type: 'Unavailable' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses an error page', async () => {
    respond = (response) => response.writeHead(404).end(BINARY);
    await expect(downloadTool(release(), target(), undefined)).rejects.toThrow('the server answered 404');
  });

  it('uses no plain http beyond this machine', async () => {
    const plain = release({ url: 'http://example.com/etcd' });
    await expect(downloadTool(plain, target(), undefined)).rejects.toThrow('only https is used');
  });

  it('takes the one named file out of an archive, past links, folders, absolute names and ../', async () => {
    const content = archive(
      entry('../etcd', Buffer.from('outside')),
      entry('/etcd', Buffer.from('absolute')),
      entry('v/etcd', Buffer.alloc(0), '2'),
      entry('v/', Buffer.alloc(0), '5'),
      entry('v/etcd', BINARY),
      entry('v/last', Buffer.from('x')),
    );
    serve(content);
    await downloadTool(release({ sha256: sha256(content), member: 'v/etcd' }), target(), undefined);
    expect((await readFile(target())).equals(BINARY)).toBe(true);
    expect(await readdir(folder)).toEqual(['etcd']);
    expect(await readdir(join(folder, '..'))).not.toContain('etcd');
  });

  it.each([
    ['an archive without the file', archive(entry('v/other', BINARY)), 'the archive has no file v/etcd'],
    ['an archive that has only a link of that name', archive(entry('v/etcd', Buffer.alloc(0), '2')), 'the archive has no file v/etcd'],
    ['an archive that ends inside the file', gzipSync(entry('v/etcd', BINARY).subarray(0, 5000)), 'the archive ends inside v/etcd'],
    ['an archive cut in its compression', archive(entry('v/etcd', BINARY)).subarray(0, 300), 'unexpected end of file'],
    ['something that is no archive', BINARY, 'incorrect header check'],
  ])('refuses %s', async (_what, content, reason) => {
    serve(content);
    await expect(downloadTool(release({ sha256: sha256(content), member: 'v/etcd' }), target(), undefined)).rejects.toThrow(reason);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('resolveTools with a release', () => {
  const environment = () => ({ PATH: `${folder}/path:/usr/bin:/bin`, HOME: folder, HOLDFAST_CACHE_DIR: join(folder, 'cache') });

  it('uses it before it builds', async () => {
    serve(BINARY);
    const path = (await resolveTools(['etcd'], { environment: environment(), releases: [release()] })).get('etcd') ?? '';
    expect((await readFile(path)).equals(BINARY)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o755);
  });

  it('builds when it fails, with one line about why', async () => {
    serve(Buffer.from('something else'));
    await fakeGo(join(folder, 'path'));
    const events: ProgressEvent[] = [];
    const progress = (event: ProgressEvent) => events.push(event);
    const path = (await resolveTools(['etcd'], { environment: environment(), releases: [release()], progress })).get('etcd') ?? '';
    expect(await readFile(path, 'utf8')).toContain('echo built');
    const reasons = events.filter(({ source }) => source === 'release').map(({ message }) => message);
    expect(reasons).toEqual([expect.stringMatching(/^downloading/), expect.stringMatching(/cannot be used: its SHA-256 is [^\n]*$/)]);
  });

  it.each([{ version: '3.6.0' }, { platform: 'plan9-mips' }])('leaves alone what is for something else: %j', async (more) => {
    serve(BINARY);
    await fakeGo(join(folder, 'path'));
    const path = (await resolveTools(['etcd'], { environment: environment(), releases: [release(more)] })).get('etcd') ?? '';
    expect(await readFile(path, 'utf8')).toContain('echo built');
  });
});
