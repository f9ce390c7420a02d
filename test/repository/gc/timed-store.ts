import { HoldfastError } from '../../../contracts/failures.ts';
import type { CallOptions, StoredObject, StoreFacts } from '../../../storage/object-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';

export const HOUR = 3_600_000;

/** A store in memory with a clock of its own, which has nothing to do with ours. */
export class TimedStore extends MemoryStore {
  now = Date.parse('2040-05-06T07:08:09.000Z');

  override async create(key: string, body: Uint8Array, options: CallOptions = {}): Promise<void> {
    await super.create(key, body, options);
    this.times.set(key, this.time());
  }

  override async stat(key: string, options: CallOptions = {}): Promise<StoredObject | undefined> {
    const found = await super.stat(key, options);
    const until = this.locks.get(key);
    if (!found) return undefined;
    const { sizeBytes, modifiedAt } = found;
    return { key, sizeBytes, modifiedAt, ...(until !== undefined && until > this.time() ? { lockedUntil: until } : {}) };
  }

  override async delete(key: string, options: CallOptions = {}): Promise<void> {
    const until = this.locks.get(key);
    if (until !== undefined && until > this.time()) throw new HoldfastError('Locked', `${this.url}: ${key}: is locked`);
    this.locks.delete(key);
    await super.delete(key, options);
  }

  override facts(): Promise<StoreFacts> {
    return Promise.resolve({ serverTime: this.time(), versioning: false, objectLock: true });
  }

  pass(milliseconds: number): void {
    this.now += milliseconds;
  }

  keys(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** Everything as it is now, time included. */
  copy(): TimedStore {
    const copy = new TimedStore();
    copy.now = this.now;
    for (const [key, body] of this.objects) copy.objects.set(key, body);
    for (const [key, time] of this.times) copy.times.set(key, time);
    for (const [key, until] of this.locks) copy.locks.set(key, until);
    return copy;
  }

  private time(): string {
    return new Date(this.now).toISOString();
  }
}
