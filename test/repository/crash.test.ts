import { describe, expect, it } from '@jest/globals';
import { openRepository } from '../../repository/repository.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { initRepository } from '../../repository/init.ts';
import { FaultyStore, type Fault } from '../support/faulty-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, newRepository, restore, sampleSegments } from './samples.ts';

const FAST = { firstWaitMs: 0.1, longestWaitMs: 0.1 };

/** A location with one backup, and a second one made through a store with faults. */
async function secondBackup(fault: Fault, wrap: (store: FaultyStore) => Parameters<typeof openRepository>[0] = (store) => store) {
  const memory = new MemoryStore();
  const { repository, identity } = await newRepository(memory);
  await backUp(repository, 'first', sampleSegments(1));
  const faulty = new FaultyStore(memory, fault);
  const attempt = async () => {
    const crashing = await openRepository(wrap(faulty), { identities: [identity] });
    await backUp(crashing, 'second', sampleSegments(3));
  };
  const outcome = await attempt().then(
    () => 'done',
    () => 'failed',
  );
  return { memory, identity, outcome, calls: faulty.calls };
}

describe('a backup that is interrupted', () => {
  it.each(['before', 'after'] as const)(
    'at any call (%s its effect) is complete or not there, and the next attempt completes it',
    async (when) => {
      const { calls, outcome: undisturbed } = await secondBackup(() => 'none');
      expect(undisturbed).toBe('done');
      expect(calls).toBeGreaterThan(8);
      for (let failing = 1; failing <= calls; failing++) {
        // The process dies: from then on nothing gets through.
        const { memory, identity, outcome } = await secondBackup(({ number }) =>
          number < failing ? 'none' : number === failing ? when : 'before',
        );
        expect(outcome).toBe('failed');
        const reader = await openRepository(memory, { identities: [identity] });
        expect(await reader.problems()).toEqual([]);
        const names = (await reader.backups()).map(({ manifest }) => manifest.name);
        expect(['first', 'first,second']).toContain(names.join());
        for (const name of names) expect(await restore(reader, name)).toEqual(sampleSegments(name === 'first' ? 1 : 3));
        await backUp(reader, 'second', sampleSegments(3));
        const after = await openRepository(memory, { identities: [identity] });
        expect((await after.backups()).map(({ manifest }) => manifest.name)).toEqual(['first', 'second']);
        expect(await restore(after, 'second')).toEqual(sampleSegments(3));
        expect(await after.problems()).toEqual([]);
        expect([...memory.objects.keys()].filter((key) => key.startsWith('packs/'))).toHaveLength(2);
      }
    },
  );

  it('succeeds when any one answer is lost and the call is tried again', async () => {
    const { calls } = await secondBackup(() => 'none');
    for (let lost = 1; lost <= calls; lost++) {
      const { memory, identity, outcome } = await secondBackup(
        ({ number }) => (number === lost ? 'after' : 'none'),
        (store) => withRetry(store, FAST),
      );
      expect(outcome).toBe('done');
      const reader = await openRepository(memory, { identities: [identity] });
      expect(await restore(reader, 'second')).toEqual(sampleSegments(3));
      expect(await reader.backups()).toHaveLength(2);
      expect(await reader.problems()).toEqual([]);
    }
  });

  it('succeeds while three calls in ten fail', async () => {
    const { memory, identity, outcome } = await secondBackup(
      ({ number }) =>
        (['before', 'none', 'none', 'after', 'none', 'none', 'before', 'none', 'none', 'none'] as const)[number % 10] ?? 'none',
      (store) => withRetry(store, FAST),
    );
    expect(outcome).toBe('done');
    expect(await restore(await openRepository(memory, { identities: [identity] }), 'second')).toEqual(sampleSegments(3));
  });
});

describe('making a repository', () => {
  it('can be interrupted anywhere and tried again', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let failing = 1; failing <= 3; failing++) {
        const memory = new MemoryStore();
        const faulty = new FaultyStore(memory, ({ number }) => (number < failing ? 'none' : number === failing ? when : 'before'));
        await expect(initRepository(faulty)).rejects.toMatchObject({ type: 'Unavailable' });
        const again = await initRepository(memory).catch((error: unknown) => error);
        // Only when the very last write took effect is there a repository, whose recovery key nobody saw; nothing was stored in it yet.
        if (failing === 3 && when === 'after') expect(again).toMatchObject({ type: 'AlreadyExists' });
        else {
          const { recoveryKey = '' } = again as { recoveryKey?: string };
          expect((await openRepository(memory, { identities: [recoveryKey] })).id).toMatch(/^[0-9a-f]{32}$/);
        }
      }
    }
  });
});

describe('deleting', () => {
  it('can be interrupted at any call and tried again', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let failing = 1; ; failing++) {
        const memory = new MemoryStore();
        const { repository, identity } = await newRepository(memory);
        await backUp(repository, 'first', sampleSegments(1));
        await backUp(repository, 'second', sampleSegments(3));
        const faulty = new FaultyStore(memory, ({ number }) => (number < failing ? 'none' : number === failing ? when : 'before'));
        const crashing = await openRepository(faulty, { identities: [identity] }).catch(() => undefined);
        const outcome = await (crashing?.deleteBackups(['first']) ?? Promise.reject(new Error('not open'))).catch(() => 'failed');
        const reader = await openRepository(memory, { identities: [identity] });
        expect(await reader.problems()).toEqual([]);
        if (outcome !== 'failed') {
          expect((await reader.backups()).map(({ manifest }) => manifest.name)).toEqual(['second']);
          break;
        }
        await reader.deleteBackups(['first']);
        expect([...memory.objects.keys()].filter((key) => key.startsWith('manifests/'))).toEqual([
          'manifests/00000002',
          'manifests/00000003',
        ]);
        expect((await reader.backups()).map(({ manifest }) => manifest.name)).toEqual(['second']);
        expect(await restore(reader, 'second')).toEqual(sampleSegments(3));
      }
    }
  });
});
