import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import type { CallOptions, StoreFacts, StorePlace } from '../../storage/object-store.ts';
import { checkStore, type StoreCheck, type StoreCheckOptions } from '../../storage/store-check.ts';
import { MemoryStore } from '../support/memory-store.ts';

type Method = 'create' | 'read' | 'stat' | 'list' | 'delete' | 'facts' | 'prepare';

/** A bucket with flaws. */
class FlawedStore extends MemoryStore {
  override readonly place: StorePlace = { scheme: 's3', endpoint: '', bucket: 'b', prefix: '' };
  refuses = new Set<Method>();
  overwrites = false;
  versioning: boolean | undefined = false;
  objectLock: boolean | undefined = false;
  aheadMs = 0;

  override prepare(): Promise<void> {
    return this.#refused('prepare') ?? super.prepare();
  }

  override create(key: string, body: Uint8Array, options?: CallOptions): Promise<void> {
    if (this.overwrites) this.objects.delete(key);
    return this.#refused('create') ?? super.create(key, body, options);
  }

  override read(...args: Parameters<MemoryStore['read']>): Promise<Buffer> {
    return this.#refused('read') ?? super.read(...args);
  }

  override stat(...args: Parameters<MemoryStore['stat']>): ReturnType<MemoryStore['stat']> {
    return this.#refused('stat') ?? super.stat(...args);
  }

  override async *list(...args: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    await this.#refused('list');
    yield* super.list(...args);
  }

  override delete(key: string, options?: CallOptions): Promise<void> {
    return this.#refused('delete') ?? super.delete(key, options);
  }

  override facts(): Promise<StoreFacts> {
    const serverTime = new Date(Date.now() + this.aheadMs).toISOString();
    return this.#refused('facts') ?? Promise.resolve({ serverTime, versioning: this.versioning, objectLock: this.objectLock });
  }

  #refused(method: Method): Promise<never> | undefined {
    return this.refuses.has(method) ? Promise.reject(new HoldfastError('Forbidden', `${this.url}: access denied`)) : undefined;
  }
}

function found(check: StoreCheck, name: string) {
  return check.findings.find((finding) => finding.check === name);
}

async function checked(
  flaws: Partial<FlawedStore>,
  options: StoreCheckOptions = {},
): Promise<StoreCheck & { readonly store: FlawedStore }> {
  const store = Object.assign(new FlawedStore(), flaws);
  return { ...(await checkStore(store, options)), store };
}

describe('the check of a place', () => {
  it('finds nothing wrong with a good one, measures it, and leaves nothing behind', async () => {
    const result = await checked({ refuses: new Set<Method>() });
    expect(result.usable).toBe(true);
    expect(result.findings.filter(({ level }) => level === 'error')).toEqual([]);
    expect(result.speed.uploadBytesPerSecond).toBeGreaterThan(0);
    expect([...result.store.objects.keys()]).toEqual([]);
    expect(result.leftBehind).toEqual([]);
  });

  it.each([
    ['prepare', 'reach', /s3:ListBucket/],
    ['create', 'write', /s3:PutObject/],
    ['read', 'read', /s3:GetObject/],
    ['list', 'list', /s3:ListBucket/],
  ] as const)('names the right that is missing for %s', async (method, finding, right) => {
    const result = await checked({ refuses: new Set([method]) });
    expect(found(result, finding)).toMatchObject({ level: 'error', advice: expect.stringMatching(right) });
    expect(result.usable).toBe(false);
  });

  it('refuses a place where an object can be created twice', async () => {
    const result = await checked({ overwrites: true });
    expect(found(result, 'create-only')).toMatchObject({ level: 'error' });
    expect(result.usable).toBe(false);
  });

  it('warns of credentials that may delete, more clearly when others are there for it', async () => {
    expect(found(await checked({}), 'deletion')).toMatchObject({
      level: 'warning',
      detail: expect.stringContaining('can delete the backups'),
    });
    const result = await checked({}, { maintenance: new MemoryStore() });
    expect(found(result, 'deletion')).toMatchObject({
      level: 'warning',
      advice: expect.stringContaining('the maintenance credentials have it'),
    });
  });

  it('is content with credentials that may not delete when others may, and says so when nobody may', async () => {
    const refuses = new Set<Method>(['delete']);
    const store = Object.assign(new FlawedStore(), { refuses });
    const maintenance = new MemoryStore();
    maintenance.delete = (key) => Promise.resolve(void store.objects.delete(key));
    const good = await checkStore(store, { maintenance });
    expect(found(good, 'deletion')).toMatchObject({ level: 'ok' });
    expect(found(good, 'maintenance')).toMatchObject({ level: 'ok' });
    expect(store.objects.size).toBe(0);
    const alone = await checked({ refuses });
    expect(found(alone, 'deletion')).toMatchObject({ level: 'warning', advice: expect.stringContaining('--maintenance') });
    expect(alone.usable).toBe(true);
    expect(alone.leftBehind.toSorted()).toEqual([...alone.store.objects.keys()].toSorted());
    expect(alone.leftBehind.length).toBeGreaterThan(5);
    const useless = await checked({ refuses }, { maintenance: Object.assign(new FlawedStore(), { refuses }) });
    expect(found(useless, 'maintenance')).toMatchObject({ level: 'error', advice: expect.stringContaining('s3:DeleteObject') });
  });

  it.each([
    [0, 'ok'],
    [-4_000, 'ok'],
    [20_000, 'warning'],
    [-20_000, 'warning'],
    [-3_600_000, 'error'],
  ])('judges a clock that is %d ms ahead as %s', async (aheadMs, level) => {
    expect(found(await checked({ aheadMs }), 'clock')?.level).toBe(level);
  });

  it('compares the locks that are asked for with those that the bucket has', async () => {
    const lock = { mode: 'governance', days: 7 } as const;
    expect(found(await checked({ objectLock: false }, { lock }), 'object lock')).toMatchObject({ level: 'error' });
    expect(found(await checked({ objectLock: true }, { lock }), 'object lock')).toMatchObject({ level: 'warning' });
    expect(found(await checked({ objectLock: true }), 'object lock')).toMatchObject({ level: 'warning' });
    expect(found(await checked({ objectLock: undefined }), 'object lock')).toBeUndefined();
    expect(found(await checked({ versioning: undefined }), 'versions')).toMatchObject({ level: 'warning' });
  });

  it('cleans up after an interruption, and ends with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const store = new FlawedStore();
    const check = checkStore(store, {
      signal: controller.signal,
      onStep: (step) => {
        if (step === 'settings') controller.abort(reason);
      },
    });
    await expect(check).rejects.toBe(reason);
    expect(store.objects.size).toBe(0);
  });
});
