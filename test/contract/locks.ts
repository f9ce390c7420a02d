import { expect, it } from '@jest/globals';
import type { ObjectStore } from '../../storage/object-store.ts';

const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

/** What a store must do that can lock, and what it must do that cannot. */
export function lockContract(store: () => ObjectStore): void {
  it('locks what it can lock, and never only seems to', async () => {
    const until = inSeconds(3_600);
    await expect(store().lock('locks/missing', until)).rejects.toMatchObject({ name: 'HoldfastError' });
    await expect(store().lock('../up', until)).rejects.toMatchObject({ name: 'HoldfastError' });
    if ((await store().facts()).objectLock === true) return;
    await store().create('locks/without', Buffer.from('a'));
    expect((await store().stat('locks/without'))?.lockedUntil).toBeUndefined();
    const refused = await store()
      .lock('locks/without', until)
      .then(
        () => false,
        (error: unknown) => error,
      );
    if (refused === false) expect(Date.parse((await store().stat('locks/without'))?.lockedUntil ?? '')).toBeGreaterThan(Date.now());
    else expect(refused).toMatchObject({ type: 'BadInput' });
  });

  it('keeps what is locked, extends locks and never shortens them', async () => {
    if ((await store().facts()).objectLock !== true) return;
    expect(store().capabilities.objectLock).toBe(true);
    await expect(store().lock('locks/missing', inSeconds(60))).rejects.toMatchObject({ type: 'NotFound' });
    await store().create('locks/a', Buffer.from('a'));
    await store().lock('locks/a', inSeconds(2));
    const until = inSeconds(4);
    await store().lock('locks/a', until);
    await store().lock('locks/a', inSeconds(1));
    expect(Math.abs(Date.parse((await store().stat('locks/a'))?.lockedUntil ?? '') - Date.parse(until))).toBeLessThan(1_500);
    await expect(store().delete('locks/a')).rejects.toMatchObject({ type: 'Locked' });
    expect((await store().read('locks/a')).toString()).toBe('a');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect((await store().stat('locks/a'))?.lockedUntil).toBeUndefined();
    await store().delete('locks/a');
    expect(await store().stat('locks/a')).toBeUndefined();
  }, 30_000);
}
