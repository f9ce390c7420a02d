import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { withRetry } from '../../storage/with-retry.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { objectStoreContract, type ContractStore } from '../contract/object-store.suite.ts';
import { MemoryStore } from '../support/memory-store.ts';

type Options = ConstructorParameters<typeof FilesystemStore>[1];

async function folderStore(options?: Options, wrapped: (store: ObjectStore) => ObjectStore = (store) => store): Promise<ContractStore> {
  const roots: string[] = [];
  const folder = async (): Promise<string> => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
    roots.push(root);
    return root;
  };
  const root = await folder();
  const reopen = (): ObjectStore => wrapped(new FilesystemStore(root, options));
  const store = reopen();
  await store.prepare();
  return {
    store,
    reopen,
    elsewhere: async () => new FilesystemStore(await folder()),
    dispose: async () => {
      for (const made of roots) await rm(made, { recursive: true, force: true });
    },
  };
}

objectStoreContract('memory', () => Promise.resolve({ store: new MemoryStore(), dispose: () => Promise.resolve() }));
objectStoreContract('filesystem', () => folderStore(), { many: 2_510 });
objectStoreContract('filesystem without hard links', () =>
  folderStore({ link: () => Promise.reject(Object.assign(new Error('not supported'), { code: 'ENOTSUP' })) }),
);
objectStoreContract('filesystem with retry', () =>
  folderStore(undefined, (store) => withRetry(store, { firstWaitMs: 1, longestWaitMs: 2 })),
);
