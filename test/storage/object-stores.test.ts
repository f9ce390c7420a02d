import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { objectStoreContract } from '../contract/object-store.suite.ts';
import { MemoryStore } from '../support/memory-store.ts';

async function folderStore(options?: ConstructorParameters<typeof FilesystemStore>[1]) {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  const store = new FilesystemStore(root, options);
  await store.prepare();
  return { store, dispose: () => rm(root, { recursive: true, force: true }) };
}

objectStoreContract('memory', () => Promise.resolve({ store: new MemoryStore(), dispose: () => Promise.resolve() }));
objectStoreContract('filesystem', () => folderStore());
objectStoreContract('filesystem without hard links', () =>
  folderStore({ link: () => Promise.reject(Object.assign(new Error('not supported'), { code: 'ENOTSUP' })) }),
);
objectStoreContract('filesystem with retry', async () => {
  const { store, dispose } = await folderStore();
  return { store: withRetry(store, { firstWaitMs: 1, longestWaitMs: 2 }), dispose };
});
