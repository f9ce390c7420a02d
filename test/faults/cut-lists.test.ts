import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../storage/object-store.ts';
import { startAzureStorage } from '../support/azure-storage.ts';
import { collect } from '../support/collect.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startGcsStorage } from '../support/gcs-storage.ts';
import { startTestS3, type Stoppable } from '../support/sandbox-env.ts';
import { s3Storage } from '../support/s3-storage.ts';
import type { StorageServer } from '../support/storage-server.ts';

const KEYS = ['manifests/00000000', 'manifests/00000001', 'manifests/00000002'];
/** No list of so few objects is longer. */
const LONGEST_BYTES = 3_000;

/** A shorter list of manifests that is believed would hide backups, and let garbage collection delete what they need. */
describe('a list that is cut and looks whole', () => {
  const running: Stoppable[] = [];
  const servers = new Map<string, StorageServer>();

  beforeAll(async () => {
    const s3 = await startTestS3();
    running.push(s3);
    for (const server of [await s3Storage(s3), await startGcsStorage(), await startAzureStorage()]) {
      running.push(server);
      servers.set(server.scheme, server);
      const store = server.open('lists');
      for (const key of KEYS) await store.create(key, Buffer.from('x'));
      await store.close();
    }
  }, 60_000);

  afterAll(async () => {
    for (const server of running) await server.stop();
  });

  it.each(['s3', 'gs', 'azblob'])('is never believed, wherever %s is cut: it is asked for again', async (scheme) => {
    const server = servers.get(scheme)!;
    const proxy = await FaultProxy.start({ upstream: { origin: server.origin } });
    const store = server.open('lists', proxy.url);
    const outcomes = new Set<string>();
    for (let afterBytes = 0; afterBytes < LONGEST_BYTES; afterBytes += 37) {
      proxy.rules({ name: 'cut', fault: { kind: 'truncate', afterBytes } });
      outcomes.add(await listed(store));
    }
    await store.close();
    await proxy.stop();
    expect([...outcomes].sort()).toEqual(['Unavailable', KEYS.join()]);
  });
});

/** The keys, or the type of the failure. */
async function listed(store: ObjectStore): Promise<string> {
  try {
    return (await collect(store.list('manifests/'))).map(({ key }) => key).join();
  } catch (error) {
    return (error as { readonly type?: string }).type ?? String(error);
  }
}
