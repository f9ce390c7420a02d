import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { S3Options } from '../../storage/s3-client.ts';
import { S3Store } from '../../storage/s3.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { objectStoreContract, type ContractStore } from '../contract/object-store.suite.ts';
import { collect } from '../support/collect.ts';
import { startTestS3 } from '../support/sandbox-env.ts';

type TestS3 = Awaited<ReturnType<typeof startTestS3>>;

function optionsOf(server: TestS3) {
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  return { endpoint: server.endpoint, region: server.region, credentials, forcePathStyle: true };
}

async function makeBucket(server: TestS3, bucket: string, locks = false): Promise<void> {
  const client = new S3Client(optionsOf(server));
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: locks }));
  client.destroy();
}

interface Kind {
  readonly prefix?: string;
  readonly locks?: boolean;
  readonly options?: S3Options;
  readonly wrapped?: (store: ObjectStore) => ObjectStore;
}

async function makeStore({ prefix = '', locks = false, options = {}, wrapped = (store) => store }: Kind): Promise<ContractStore> {
  const server = await startTestS3();
  await makeBucket(server, 'contract', locks);
  const reopen = (): ObjectStore => wrapped(new S3Store({ bucket: 'contract', prefix }, { ...optionsOf(server), ...options }));
  const store = reopen();
  await store.prepare();
  return {
    store,
    reopen,
    elsewhere: async () => {
      await makeBucket(server, 'elsewhere');
      return new S3Store({ bucket: 'elsewhere', prefix: 'other/' }, optionsOf(server));
    },
    dispose: () => server.stop(),
  };
}

objectStoreContract('S3, whole bucket', () => makeStore({}), { many: 2_510 });
objectStoreContract('S3, below a prefix, with retry', () => makeStore({ prefix: 'some/prefix/', wrapped: (store) => withRetry(store) }));
objectStoreContract('S3 with versions and object locks', () => makeStore({ locks: true, options: { checksums: 'when-supported' } }));
objectStoreContract('S3 without conditional writes', () => makeStore({ options: { conditionalWrites: false } }));

describe('S3 failures', () => {
  let server: TestS3;
  beforeAll(async () => {
    server = await startTestS3();
    await makeBucket(server, 'there');
  });
  afterAll(() => server.stop());

  it('says that a bucket is gone, in every method', async () => {
    const store = new S3Store({ bucket: 'gone-bucket', prefix: '' }, optionsOf(server));
    const gone = { type: 'LocationGone' };
    await expect(store.prepare()).rejects.toMatchObject(gone);
    await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject(gone);
    await expect(store.read('a')).rejects.toMatchObject(gone);
    await expect(store.stat('a')).rejects.toMatchObject(gone);
    await expect(collect(store.list(''))).rejects.toMatchObject(gone);
    await store.close();
  });

  it('calls wrong credentials Forbidden, without showing them', async () => {
    const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: 'canary-secret' };
    const store = new S3Store({ bucket: 'there', prefix: '' }, { ...optionsOf(server), credentials });
    const error: unknown = await store.read('a').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ type: 'Forbidden' });
    expect(String(error)).not.toContain('canary-secret');
    await store.close();
  });

  it('calls a server that is not there Unavailable', async () => {
    const store = new S3Store({ bucket: 'there', prefix: '' }, { ...optionsOf(server), endpoint: 'http://127.0.0.1:1' });
    await expect(store.read('a')).rejects.toMatchObject({ type: 'Unavailable' });
    await store.close();
  });

  it('refuses a CA file that cannot be read', async () => {
    const store = new S3Store({ bucket: 'there', prefix: '' }, { ...optionsOf(server), caFile: '/nonexistent/ca.pem' });
    await expect(store.read('a')).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('S3 servers that misbehave', () => {
  let server: Server | undefined;
  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function storeOf(listener: RequestListener, requestTimeoutMs = 5_000): Promise<S3Store> {
    server?.closeAllConnections();
    server?.close();
    const started = createServer(listener);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${String((started.address() as AddressInfo).port)}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    return new S3Store({ bucket: 'bucket', prefix: '' }, { endpoint, region: 'us-east-1', credentials, requestTimeoutMs });
  }

  it('does not wait for ever for an answer', async () => {
    const store = await storeOf(() => undefined, 200);
    await expect(store.read('a')).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringContaining('200 ms') });
  });

  it('does not wait for ever in the middle of a body', async () => {
    const store = await storeOf((_request, response) => response.writeHead(200, { 'content-length': '100' }).write('half'), 300);
    await expect(store.read('a')).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('ends with the reason of the signal in the middle of a body', async () => {
    const store = await storeOf((_request, response) => response.writeHead(200, { 'content-length': '100' }).write('half'));
    const controller = new AbortController();
    const reason = new Error('cancelled');
    setTimeout(() => {
      controller.abort(reason);
    }, 100);
    await expect(store.read('a', undefined, { signal: controller.signal })).rejects.toBe(reason);
  });

  it('never takes a body that was cut for the whole', async () => {
    const store = await storeOf((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    });
    await expect(store.read('a')).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('never takes a range for another', async () => {
    const store = await storeOf((_request, response) => response.writeHead(206, { 'content-range': 'bytes 0-9/100' }).end('0123456789'));
    await expect(store.read('a', { offset: 0, length: 20 })).rejects.toMatchObject({ type: 'Unavailable' });
  });

  it('reports SlowDown with the time that the server asks for', async () => {
    const store = await storeOf((_request, response) =>
      response.writeHead(503, { 'retry-after': '7', 'content-type': 'application/xml' }).end('<Error><Code>SlowDown</Code></Error>'),
    );
    await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject({ type: 'Unavailable', retryAfterMs: 7_000 });
  });

  it('asks again after a 409 of two conditional writes', async () => {
    let puts = 0;
    const store = await storeOf((request, response) => {
      expect(request.headers['if-none-match']).toBe('*');
      request.resume().on('end', () => {
        response.writeHead(++puts < 3 ? 409 : 412).end();
      });
    });
    await expect(store.create('a', Buffer.from('x'))).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(puts).toBe(3);
  });

  it('sends no checksum trailers unless asked to', async () => {
    const seen: Record<string, unknown>[] = [];
    const store = await storeOf((request, response) => {
      seen.push({ ...request.headers });
      request.resume().on('end', () => response.writeHead(200).end());
    });
    await store.create('a', Buffer.from('x'));
    expect(Object.keys(seen[0] ?? {}).filter((header) => /checksum|trailer/.test(header))).toEqual([]);
    expect(seen[0]).toMatchObject({ 'content-length': '1', 'if-none-match': '*' });
  });
});
