import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AzureOptions } from '../../storage/azure-account.ts';
import { AzureStore } from '../../storage/azure.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { misbehavingStoreContract } from '../contract/misbehaving-store.suite.ts';
import { objectStoreContract, type ContractStore } from '../contract/object-store.suite.ts';
import { collect } from '../support/collect.ts';
import { startTestAzure } from '../support/sandbox-env.ts';
import { scriptedHttp } from '../support/scripted-http.ts';

type TestAzure = Awaited<ReturnType<typeof startTestAzure>>;

const MIB = 1024 * 1024;
const IN_AN_HOUR = new Date(Date.now() + 3_600_000);

function credentialOf(server: TestAzure): StorageSharedKeyCredential {
  return new StorageSharedKeyCredential(server.account, server.accountKey);
}

function serviceOf(server: TestAzure): BlobServiceClient {
  return new BlobServiceClient(server.endpoint, credentialOf(server));
}

function optionsOf({ endpoint, account, accountKey }: TestAzure) {
  return { endpoint, account, accountKey };
}

async function makeStore(prefix: string, wrapped = (store: ObjectStore) => store): Promise<ContractStore> {
  const server = await startTestAzure();
  for (const container of ['contract', 'elsewhere']) await serviceOf(server).createContainer(container);
  const open = (bucket: string, below: string) => wrapped(new AzureStore({ bucket, prefix: below }, optionsOf(server)));
  const store = open('contract', prefix);
  await store.prepare();
  return {
    store,
    reopen: () => open('contract', prefix),
    elsewhere: () => Promise.resolve(open('elsewhere', 'other/')),
    dispose: () => server.stop(),
  };
}

objectStoreContract('Azure Blob Storage, whole container', () => makeStore(''), { many: 2_510 });
objectStoreContract('Azure Blob Storage, below a prefix, with retry', () => makeStore('some/prefix/', (store) => withRetry(store)));
misbehavingStoreContract('Azure Blob Storage', (endpoint, requestTimeoutMs) => {
  const options = { endpoint: `${endpoint}/mine`, account: 'mine', accountKey: 'a2V5', requestTimeoutMs };
  return new AzureStore({ bucket: 'container', prefix: '' }, options);
});

describe('Azure Blob Storage', () => {
  let server: TestAzure;
  const opened: AzureStore[] = [];
  beforeAll(async () => {
    server = await startTestAzure();
    for (const container of ['there', 'other']) await serviceOf(server).createContainer(container);
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await server.stop();
  });

  function at(bucket: string, prefix = '', options: AzureOptions = optionsOf(server)): AzureStore {
    const store = new AzureStore({ bucket, prefix }, options);
    opened.push(store);
    return store;
  }
  const largeOf = (body: Buffer) => ({
    sizeBytes: body.length,
    fingerprint: 'abcd',
    read: ({ offset, length }: { offset: number; length: number }) => Promise.resolve(body.subarray(offset, offset + length)),
  });
  const sasFor = (containerName: string, expiresOn = IN_AN_HOUR) =>
    generateBlobSASQueryParameters(
      { containerName, permissions: ContainerSASPermissions.parse('racwdl'), expiresOn },
      credentialOf(server),
    ).toString();

  it('says that a container is gone, in every method', async () => {
    const store = at('gone-container');
    for (const attempt of [
      () => store.prepare(),
      () => store.create('a', Buffer.from('x')),
      () => store.createLarge('a', largeOf(Buffer.alloc(9 * MIB))),
      () => store.read('a'),
      () => store.stat('a'),
      () => collect(store.list('')),
      () => store.delete('a'),
      () => store.lock('a', IN_AN_HOUR.toISOString()),
      () => store.facts(),
      () => store.copyFrom(at('there').place, 'a'),
      () => at('there').copyFrom(store.place, 'a'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ type: 'LocationGone', message: expect.stringContaining('azblob://gone-container') });
    }
  });

  it('works with a SAS token of the container alone', async () => {
    const store = at('there', 'sas/', { endpoint: server.endpoint, sasToken: sasFor('there') });
    await store.prepare();
    await store.create('a', Buffer.from('a'));
    await store.createLarge('large', largeOf(randomBytes(9 * MIB)));
    expect((await collect(store.list(''))).map(({ key }) => key)).toEqual(['a', 'large']);
    await at('there', 'sas-copy/', { endpoint: server.endpoint, sasToken: sasFor('there') }).copyFrom(store.place, 'large');
    await store.delete('a');
  });

  it('shows neither key nor token in its errors', async () => {
    for (const options of [
      { ...optionsOf(server), accountKey: Buffer.from('canary').toString('base64') },
      { endpoint: server.endpoint, sasToken: sasFor('there', new Date(Date.now() - 1_000)).replace(/sig=.*/, 'sig=canary') },
    ]) {
      const error: unknown = await at('there', '', options)
        .read('a')
        .catch((caught: unknown) => caught);
      expect(error).toMatchObject({ type: 'Forbidden' });
      expect(inspect(error, { depth: 9 })).not.toMatch(/canary|Y2FuYXJ5/);
    }
  });

  it('never takes the blocks of one content for those of another', async () => {
    const store = at('there', 'blocks/');
    const [first, second] = [randomBytes(20 * MIB), randomBytes(20 * MIB)];
    const reason = new Error('cut off');
    const blob = serviceOf(server).getContainerClient('there').getBlockBlobClient('blocks/k');
    const sent = async () => (await blob.getBlockList('uncommitted').catch(() => undefined))?.uncommittedBlocks?.length ?? 0;
    const cutOff = async (range: { offset: number; length: number }) => {
      if (range.offset < 16 * MIB) return largeOf(first).read(range);
      while ((await sent()) === 0) await sleep(20);
      throw reason;
    };
    await expect(store.createLarge('k', { ...largeOf(first), read: cutOff })).rejects.toBe(reason);
    expect(await collect(store.list(''))).toEqual([]);
    await store.createLarge('k', { ...largeOf(second), fingerprint: 'ef01' });
    expect((await store.read('k')).equals(second)).toBe(true);
  }, 30_000);

  it('lets the server copy between containers, in several blocks', async () => {
    const body = randomBytes(65 * MIB);
    // With retries: while it copies, Azurite closes connections that were idle.
    const [from, to] = [at('there', 'p/'), withRetry(at('other'))];
    await from.createLarge('k', largeOf(body));
    expect(to.canCopyFrom(from.place)).toBe(true);
    await to.copyFrom(from.place, 'k');
    expect((await to.read('k')).equals(body)).toBe(true);
    await expect(to.copyFrom(from.place, 'k')).rejects.toMatchObject({ type: 'AlreadyExists' });
    await expect(to.copyFrom(from.place, 'missing')).rejects.toMatchObject({ type: 'NotFound' });
  }, 60_000);

  it('tells what the container is, and that it takes no locks', async () => {
    const store = at('there', 'facts/');
    const { serverTime, objectLock } = await store.facts();
    expect(objectLock).toBe(false);
    expect(Math.abs(Date.parse(serverTime) - Date.now())).toBeLessThan(5_000);
    await store.create('a', Buffer.from('a'));
    await expect(store.lock('a', IN_AN_HOUR.toISOString())).rejects.toMatchObject({ type: 'BadInput' });
    await expect(store.lock('missing', IN_AN_HOUR.toISOString())).rejects.toMatchObject({ type: 'NotFound' });
  });
});

describe('Azure Blob Storage as no emulator does it', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  it('locks what it creates, extends locks only, keeps the mode, and refuses to delete', async () => {
    const until = new Date(Date.now() + 86_400_000);
    const seen: { method: string; url: string; headers: Record<string, unknown> }[] = [];
    const server = await scriptedHttp((request, response) => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers });
      const policy = { 'x-ms-immutability-policy-until-date': until.toUTCString(), 'x-ms-immutability-policy-mode': 'locked' };
      request.resume().on('end', () => response.writeHead(method === 'PUT' ? 201 : 200, policy).end());
    });
    const options: AzureOptions = {
      endpoint: `${server.endpoint}/mine`,
      account: 'mine',
      accountKey: 'a2V5',
      lock: { mode: 'governance', days: 1 },
    };
    const store = new AzureStore({ bucket: 'container', prefix: '' }, options);
    ends.push(
      () => store.close(),
      () => server.stop(),
    );
    await store.create('a', Buffer.from('a'));
    expect(seen.at(-1)?.headers).toMatchObject({ 'if-none-match': '*', 'x-ms-immutability-policy-mode': 'Unlocked' });
    expect((await store.stat('a'))?.lockedUntil).toBe(new Date(until.toUTCString()).toISOString());
    await store.lock('a', new Date(until.getTime() - 60_000).toISOString());
    expect(seen.filter(({ url }) => url.includes('immutabilityPolicies'))).toEqual([]);
    await store.lock('a', new Date(until.getTime() + 60_000).toISOString()).catch(() => undefined);
    const extension = seen.find(({ url }) => url.includes('immutabilityPolicies'));
    expect(extension?.headers).toMatchObject({ 'x-ms-immutability-policy-mode': 'Locked' });
    await expect(store.delete('a')).rejects.toMatchObject({ type: 'Locked' });
    expect(seen.some(({ method }) => method === 'DELETE')).toBe(false);
  });
});
