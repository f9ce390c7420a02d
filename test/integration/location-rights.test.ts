import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectRetentionCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import type { S3Options } from '../../storage/s3-client.ts';
import { S3Store } from '../../storage/s3.ts';
import { checkStore, type StoreCheck } from '../../storage/store-check.ts';
import { SeededSource } from '../support/large-source.ts';
import { startTestS3 } from '../support/sandbox-env.ts';

const MIB = 1024 * 1024;

describe('rights, versions and locks of S3', () => {
  let server: Awaited<ReturnType<typeof startTestS3>>;
  let root: S3Client;
  beforeAll(async () => {
    server = await startTestS3();
    root = new S3Client(access());
  });
  afterAll(async () => {
    root.destroy();
    await server.stop();
  });

  function access(
    keys: { accessKeyId: string; secretAccessKey: string } = server,
  ): S3Options & { credentials: typeof keys; region: string } {
    const { accessKeyId, secretAccessKey } = keys;
    return { endpoint: server.endpoint, region: server.region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true };
  }

  async function makeUser(name: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
    const tool = (await resolveTools(['versitygw'])).get('versitygw') ?? 'versitygw';
    const user = { accessKeyId: name, secretAccessKey: `${name}-secret` };
    const asRoot = ['admin', '--access', server.accessKeyId, '--secret', server.secretAccessKey, '--endpoint-url', server.endpoint];
    const create = ['create-user', '--access', user.accessKeyId, '--secret', user.secretAccessKey, '--role', 'user'];
    await promisify(execFile)(tool, [...asRoot, ...create]);
    return user;
  }

  async function grant(bucket: string, user: string, rights: readonly string[]): Promise<void> {
    const statement = (Resource: string) => ({ Effect: 'Allow', Principal: { AWS: [user] }, Action: rights, Resource });
    const onObjects = rights.filter((right) => /Object$|Parts$|Upload$/.test(right));
    const onBucket = rights.filter((right) => !onObjects.includes(right));
    const Statement = [
      { ...statement(`arn:aws:s3:::${bucket}/*`), Action: onObjects },
      { ...statement(`arn:aws:s3:::${bucket}`), Action: onBucket },
    ].filter(({ Action }) => Action.length > 0);
    await root.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
  }

  function level(check: StoreCheck, name: string) {
    return check.findings.find((finding) => finding.check === name)?.level;
  }

  it('checks a writer that may not delete, with other credentials for maintenance', async () => {
    await root.send(new CreateBucketCommand({ Bucket: 'writer-only' }));
    const user = await makeUser('writer');
    await grant('writer-only', user.accessKeyId, ['s3:PutObject', 's3:GetObject', 's3:ListBucket']);
    const store = new S3Store({ bucket: 'writer-only', prefix: '' }, access(user));
    const maintenance = new S3Store({ bucket: 'writer-only', prefix: '' }, access());
    const good = await checkStore(store, { maintenance });
    expect(good.findings.filter((finding) => finding.level === 'error')).toEqual([]);
    expect({ deletion: level(good, 'deletion'), maintenance: level(good, 'maintenance') }).toEqual({ deletion: 'ok', maintenance: 'ok' });
    expect(good.leftBehind).toEqual([]);
    const alone = await checkStore(store);
    expect({ usable: alone.usable, deletion: level(alone, 'deletion') }).toEqual({ usable: true, deletion: 'warning' });
    expect(alone.leftBehind.length).toBeGreaterThan(0);
    await store.close();
    await maintenance.close();
  }, 60_000);

  it('names the right to write when only reading is allowed', async () => {
    await root.send(new CreateBucketCommand({ Bucket: 'read-only' }));
    const user = await makeUser('reader');
    await grant('read-only', user.accessKeyId, ['s3:GetObject', 's3:ListBucket']);
    const store = new S3Store({ bucket: 'read-only', prefix: '' }, access(user));
    const check = await checkStore(store);
    expect(check.usable).toBe(false);
    expect(check.findings.find(({ check: name }) => name === 'write')).toMatchObject({ level: 'error', advice: 'grant s3:PutObject' });
    await store.close();
  }, 60_000);

  it('says that the bucket is not there', async () => {
    const store = new S3Store({ bucket: 'never-made', prefix: '' }, access());
    const check = await checkStore(store);
    expect(check).toMatchObject({ usable: false, leftBehind: [], findings: [{ check: 'reach', level: 'error' }] });
    await store.close();
  });

  it('frees the space of every version, and resurrects none', async () => {
    await root.send(new CreateBucketCommand({ Bucket: 'versions', ObjectLockEnabledForBucket: true }));
    for (const Body of ['one', 'two', 'three']) await root.send(new PutObjectCommand({ Bucket: 'versions', Key: 'p/a', Body }));
    await root.send(new PutObjectCommand({ Bucket: 'versions', Key: 'p/ab', Body: 'another' }));
    const store = new S3Store({ bucket: 'versions', prefix: 'p/' }, access());
    await store.delete('a');
    await store.delete('a');
    const { Versions = [], DeleteMarkers = [] } = await root.send(new ListObjectVersionsCommand({ Bucket: 'versions' }));
    expect(Versions.map(({ Key }) => Key)).toEqual(['p/ab']);
    expect(DeleteMarkers).toEqual([]);
    await store.close();
  });

  it('locks what it creates, small and large, and hides nothing that is locked', async () => {
    await root.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }));
    const lock = { mode: 'governance', days: 1 } as const;
    const store = new S3Store({ bucket: 'locked', prefix: '' }, { ...access(), lock });
    await store.create('small', Buffer.from('a'));
    await store.createLarge('large', new SeededSource('locked', 9 * MIB));
    for (const Key of ['small', 'large']) {
      const { Retention } = await root.send(new GetObjectRetentionCommand({ Bucket: 'locked', Key }));
      expect(Retention?.Mode).toBe('GOVERNANCE');
      expect(Math.abs((Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now() - 86_400_000)).toBeLessThan(60_000);
      await expect(store.delete(Key)).rejects.toMatchObject({ type: 'Locked', message: expect.stringContaining('is locked until') });
      expect((await store.stat(Key))?.lockedUntil).toBeDefined();
    }
    const { DeleteMarkers = [] } = await root.send(new ListObjectVersionsCommand({ Bucket: 'locked' }));
    expect(DeleteMarkers).toEqual([]);
    const check = await checkStore(store, { lock });
    expect(level(check, 'object lock')).toBe('ok');
    expect(level(check, 'deletion')).toBe('ok');
    expect(check.leftBehind.length).toBeGreaterThan(0);
    await store.close();
  }, 60_000);

  it('leaves no parts behind of uploads that cannot be completed any more', async () => {
    await root.send(new CreateBucketCommand({ Bucket: 'parts' }));
    const store = new S3Store({ bucket: 'parts', prefix: '' }, access());
    const failing = new SeededSource('one', 40 * MIB);
    const read = (range: { offset: number; length: number }) =>
      range.offset >= 32 * MIB ? Promise.reject(new Error('gone')) : failing.read(range);
    await expect(store.createLarge('a', { sizeBytes: failing.sizeBytes, fingerprint: failing.fingerprint, read })).rejects.toThrow('gone');
    const uploads = async () => (await root.send(new ListMultipartUploadsCommand({ Bucket: 'parts' }))).Uploads ?? [];
    expect(await uploads()).toHaveLength(1);
    await store.createLarge('a', new SeededSource('two', 20 * MIB));
    expect(await uploads()).toEqual([]);
    await store.close();
  }, 60_000);
});

describe('what S3 requests carry', () => {
  it('sets tags, storage class, encryption and lock on every object', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      request.resume().on('end', () => response.writeHead(200).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const asked = { times: 0 };
    const credentials = () => Promise.resolve({ accessKeyId: `key-${String(++asked.times)}`, secretAccessKey: 'secret' });
    const store = new S3Store(
      { bucket: 'bucket', prefix: '' },
      {
        ...{ endpoint, region: 'us-east-1', credentials, storageClass: 'STANDARD_IA', encryption: 'aws:kms', kmsKeyId: 'key-id' },
        ...{ tags: { team: 'a & b', cost: '1=2' }, lock: { mode: 'compliance', days: 30 } },
      },
    );
    await store.create('a', Buffer.from('x'));
    expect(seen[0]).toMatchObject({
      'x-amz-tagging': 'team=a+%26+b&cost=1%3D2',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-id',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'content-md5': createHash('md5').update('x').digest('base64'),
      authorization: expect.stringContaining('Credential=key-1/'),
    });
    await store.close();
    server.closeAllConnections();
    server.close();
  });

  it('asks for new credentials when those it has have expired', async () => {
    const keys: string[] = [];
    const server = createServer((request, response) => {
      keys.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
      const expired = keys.length === 1;
      const body = expired ? '<Error><Code>ExpiredToken</Code></Error>' : 'x';
      request
        .resume()
        .on('end', () =>
          response.writeHead(expired ? 400 : 200, { 'content-type': 'application/xml', 'content-length': String(body.length) }).end(body),
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    let asked = 0;
    const credentials = () => Promise.resolve({ accessKeyId: `key-${String(++asked)}`, secretAccessKey: 'secret' });
    const store = new S3Store({ bucket: 'bucket', prefix: '' }, { endpoint, region: 'us-east-1', credentials });
    await expect(store.read('a')).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringContaining('expired') });
    expect((await store.read('a')).toString()).toBe('x');
    expect(keys).toEqual(['key-1', 'key-2']);
    await store.close();
    server.closeAllConnections();
    server.close();
  });
});
