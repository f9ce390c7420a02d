import type { CallOptions, ObjectStore } from '../storage/object-store.ts';
import { isFailure } from './failures.ts';

/** What has become of an object that was to go. `lockedUntil`: ISO-8601, '' when the store does not say. */
export type DeletionOutcome = 'deleted' | { readonly lockedUntil: string };

/** Deletes an object; one that a lock of the store protects stays, and is no failure. */
export async function deleteUnlessLocked(store: ObjectStore, key: string, options: CallOptions): Promise<DeletionOutcome> {
  try {
    await store.delete(key, options);
    return 'deleted';
  } catch (error) {
    if (!isFailure(error, 'Locked')) throw error;
    return { lockedUntil: (await store.stat(key, options))?.lockedUntil ?? '' };
  }
}
