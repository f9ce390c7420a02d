import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { GcsOptions } from '../../storage/gcs-client.ts';
import { GcsStore } from '../../storage/gcs.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { misbehavingStoreContract } from '../contract/misbehaving-store.suite.ts';
import { objectStoreContract, type ContractStore } from '../contract/object-store.suite.ts';
import { collect } from '../support/collect.ts';
import { conditionalGcs } from '../support/conditional-gcs.ts';
import { startTestGcs } from '../support/sandbox-env.ts';
import { scriptedHttp } from '../support/scripted-http.ts';

type TestGcs = Awaited<ReturnType<typeof startTestGcs>>;

const JSON_TYPE = { 'content-type': 'application/json' };
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

async function makeBucket(server: TestGcs, name: string, settings: object = {}): Promise<void> {
  const body = JSON.stringify({ name, ...settings });
  const answer = await fetch(`${server.endpoint}/storage/v1/b`, { method: 'POST', headers: JSON_TYPE, body });
  if (!answer.ok) throw new Error(`bucket ${name}: ${String(answer.status)}`);
}

async function makeStore(prefix: string, wrapped = (store: ObjectStore) => store): Promise<ContractStore> {
  const server = await startTestGcs();
  for (const bucket of ['contract', 'elsewhere']) await makeBucket(server, bucket);
  const front = await conditionalGcs(server.endpoint);
  const open = (bucket: string, below: string) => wrapped(new GcsStore({ bucket, prefix: below }, { endpoint: front.endpoint }));
  const store = open('contract', prefix);
  await store.prepare();
  return {
    store,
    reopen: () => open('contract', prefix),
    elsewhere: () => Promise.resolve(open('elsewhere', 'other/')),
    dispose: async () => {
      await front.stop();
      await server.stop();
    },
  };
}

objectStoreContract('Cloud Storage, whole bucket', () => makeStore(''), { many: 2_510 });
objectStoreContract('Cloud Storage, below a prefix, with retry', () => makeStore('some/prefix/', (store) => withRetry(store)));
misbehavingStoreContract(
  'Cloud Storage',
  (endpoint, requestTimeoutMs) => new GcsStore({ bucket: 'b', prefix: '' }, { endpoint, requestTimeoutMs }),
);

describe('Cloud Storage', () => {
  let server: TestGcs;
  const opened: GcsStore[] = [];
  beforeAll(async () => {
    server = await startTestGcs();
    await makeBucket(server, 'there');
    await makeBucket(server, 'versioned', { versioning: { enabled: true } });
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await server.stop();
  });

  function at(bucket: string, prefix = '', options: GcsOptions = {}): GcsStore {
    const store = new GcsStore({ bucket, prefix }, { endpoint: server.endpoint, ...options });
    opened.push(store);
    return store;
  }
  const largeOf = (body: Buffer) => ({
    sizeBytes: body.length,
    fingerprint: 'abcd',
    read: ({ offset, length }: { offset: number; length: number }) => Promise.resolve(body.subarray(offset, offset + length)),
  });
  const names = async (bucket: string) => {
    const answer = await fetch(`${server.endpoint}/storage/v1/b/${bucket}/o?versions=true`);
    return ((await answer.json()) as { items?: { name: string }[] }).items?.map(({ name }) => name) ?? [];
  };

  it('says that a bucket is gone, in every method', async () => {
    const store = at('gone-bucket');
    const source = largeOf(Buffer.alloc(9 * 1024 * 1024));
    for (const attempt of [
      () => store.prepare(),
      () => store.create('a', Buffer.from('x')),
      () => store.createLarge('a', source),
      () => store.read('a'),
      () => store.stat('a'),
      () => collect(store.list('')),
      () => store.delete('a'),
      () => store.lock('a', IN_AN_HOUR),
      () => store.facts(),
      () => store.copyFrom(at('there').place, 'a'),
      () => at('there').copyFrom(store.place, 'a'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ type: 'LocationGone', message: expect.stringContaining('gs://gone-bucket') });
    }
  });

  it('removes every version, and those of no other key', async () => {
    const store = at('versioned', 'p/');
    for (const key of ['a', 'a/b', 'a-b']) await store.create(key, Buffer.from(key));
    for (let round = 0; round < 2; round++) {
      await store.delete('a');
      await store.create('a', Buffer.from('again'));
    }
    await store.delete('a');
    expect((await names('versioned')).toSorted()).toEqual(['p/a-b', 'p/a/b']);
  });

  it('composes more parts than one request takes, and leaves none of them', async () => {
    const body = randomBytes(8 * 1024 * 1024 * 33 + 5);
    const store = at('there', 'large/');
    await store.createLarge('k', largeOf(body));
    expect((await store.read('k')).equals(body)).toBe(true);
    expect((await names('there')).filter((name) => name.startsWith('large/'))).toEqual(['large/k']);
  }, 120_000);

  it('lists no parts of an upload that was cut off', async () => {
    const store = at('there', 'cut/');
    const body = randomBytes(8 * 1024 * 1024 * 3);
    const source = largeOf(body);
    const reason = new Error('cut off');
    const isThere = async () => (await names('there')).some((name) => name.startsWith('cut/.parts/'));
    const read = async (range: { offset: number; length: number }) => {
      if (range.offset < 8 * 1024 * 1024 * 2) return source.read(range);
      while (!(await isThere())) await sleep(20);
      throw reason;
    };
    await expect(store.createLarge('k', { ...source, read })).rejects.toBe(reason);
    expect(await isThere()).toBe(true);
    expect(await collect(store.list(''))).toEqual([]);
  }, 30_000);

  it('sets the lock of the location on every object, and only ever extends it', async () => {
    const store = at('there', 'locked/', { lock: { mode: 'governance', days: 2 } });
    await store.create('small', Buffer.from('small'));
    expect((await store.read('small')).toString()).toBe('small');
    const until = (await store.stat('small'))?.lockedUntil ?? '';
    expect(Math.abs(Date.parse(until) - Date.now() - 2 * 86_400_000)).toBeLessThan(60_000);
    await store.lock('small', IN_AN_HOUR);
    expect((await store.stat('small'))?.lockedUntil).toBe(until);
    const later = new Date(Date.now() + 3 * 86_400_000).toISOString();
    await store.lock('small', later);
    expect((await store.stat('small'))?.lockedUntil).toBe(later);
    await expect(store.lock('missing', later)).rejects.toMatchObject({ type: 'NotFound' });
  });

  it('tells what the bucket is', async () => {
    expect(await at('versioned').facts()).toMatchObject({ versioning: true, objectLock: false });
    const { serverTime, versioning } = await at('there').facts();
    expect(versioning).toBe(false);
    expect(Math.abs(Date.parse(serverTime) - Date.now())).toBeLessThan(5_000);
  });
});

describe('Cloud Storage as no emulator does it', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  it('goes on with a copy that takes several requests, under the condition that the name is free', async () => {
    const rewrites: string[] = [];
    const server = await scriptedHttp((request, response) => {
      const { method = '', url = '' } = request;
      request.resume().on('end', () => {
        if (method === 'POST') rewrites.push(url);
        if (method === 'POST') response.end(JSON.stringify(rewrites.length < 3 ? { done: false, rewriteToken: 'to ken' } : { done: true }));
        else if (url.startsWith('/storage/v1/b/from/o/')) response.end('{"name":"a"}');
        else if (url.startsWith('/storage/v1/b/to/o/')) response.writeHead(404).end();
        else response.end('{}');
      });
    });
    const store = new GcsStore({ bucket: 'to', prefix: 'q/' }, { endpoint: server.endpoint });
    ends.push(
      () => store.close(),
      () => server.stop(),
    );
    await store.copyFrom({ ...store.place, bucket: 'from', prefix: 'p/' }, 'a');
    const path = '/storage/v1/b/from/o/p%2Fa/rewriteTo/b/to/o/q%2Fa?ifGenerationMatch=0';
    expect(rewrites).toEqual([path, `${path}&rewriteToken=to%20ken`, `${path}&rewriteToken=to%20ken`]);
  });

  it('is Locked when it refuses to delete, and says when no facts may be asked for', async () => {
    const refusal = JSON.stringify({ error: { errors: [{ reason: 'retentionPolicyNotMet' }] } });
    const server = await scriptedHttp((_request, response) => response.writeHead(403, JSON_TYPE).end(refusal));
    const store = new GcsStore({ bucket: 'b', prefix: '' }, { endpoint: server.endpoint });
    ends.push(
      () => store.close(),
      () => server.stop(),
    );
    await expect(store.delete('a')).rejects.toMatchObject({ type: 'Locked' });
    expect(await store.facts()).toMatchObject({ versioning: undefined, objectLock: undefined });
  });
});
