import type { CallOptions, ObjectStore } from '../storage/object-store.ts';

/** All keys below a prefix, in their order. */
export async function listKeys(store: ObjectStore, prefix: string, options: CallOptions): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, options)) keys.push(key);
  return keys;
}
