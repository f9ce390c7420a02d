import { describe, expect, it } from '@jest/globals';
import { openRepository } from '../../repository/repository.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { initRepository } from '../../repository/init.ts';
import { FaultyStore, type Fault } from '../support/faulty-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { backUp, newRepository, quickOpen, restore, sampleSegments, textOf } from './samples.ts';

const FAST = { firstWaitMs: 0.1, longestWaitMs: 0.1 };

/** A location with one backup. */
const prepared = new MemoryStore();
const { repository: first, identity } = await newRepository(prepared);
await backUp(first, 'first', sampleSegments(1));

function copyOf(source: MemoryStore): MemoryStore {
  const copy = new MemoryStore();
  for (const [key, body] of source.objects) copy.objects.set(key, body);
  return copy;
}

/** A location with one backup, and a second one made through a store with faults. */
async function secondBackup(fault: Fault, wrap: (store: FaultyStore) => Parameters<typeof openRepository>[0] = (store) => store) {
  const memory = copyOf(prepared);
  const faulty = new FaultyStore(memory, fault);
  const attempt = async () => {
    const crashing = await quickOpen(wrap(faulty), identity, memory);
    await backUp(crashing, 'second', sampleSegments(3));
  };
  const outcome = await attempt().then(
    () => 'done',
    () => 'failed',
  );
  return { memory, outcome, calls: faulty.calls };
}

describe('a backup that is interrupted', () => {
  it.each(['before', 'after'] as const)(
    'at any call (%s its effect) is complete or not there, and the next attempt completes it',
    async (when) => {
      const { calls, outcome: undisturbed } = await secondBackup(() => 'none');
      expect(undisturbed).toBe('done');
      expect(calls).toBeGreaterThanOrEqual(7);
      for (let failing = 1; failing <= calls; failing++) {
        // The process dies: from then on nothing gets through.
        const { memory, outcome } = await secondBackup(({ number }) => (number < failing ? 'none' : number === failing ? when : 'before'));
        expect(outcome).toBe('failed');
        const reader = await quickOpen(memory, identity);
        expect(await reader.problems()).toEqual([]);
        const names = (await reader.backups()).map(({ manifest }) => manifest.name);
        expect(['first', 'first,second']).toContain(names.join());
        for (const name of names) expect(await restore(reader, name)).toEqual(textOf(sampleSegments(name === 'first' ? 1 : 3)));
        await backUp(reader, 'second', sampleSegments(3));
        const after = await quickOpen(memory, identity);
        expect((await after.backups()).map(({ manifest }) => manifest.name)).toEqual(['first', 'second']);
        expect(await restore(after, 'second')).toEqual(textOf(sampleSegments(3)));
        expect(await after.problems()).toEqual([]);
        expect([...memory.objects.keys()].filter((key) => key.startsWith('packs/'))).toHaveLength(2);
      }
    },
  );

  it('succeeds when any one answer is lost and the call is tried again', async () => {
    const { calls } = await secondBackup(() => 'none');
    for (let lost = 1; lost <= calls; lost++) {
      const { memory, outcome } = await secondBackup(
        ({ number }) => (number === lost ? 'after' : 'none'),
        (store) => withRetry(store, FAST),
      );
      expect(outcome).toBe('done');
      const reader = await quickOpen(memory, identity);
      expect(await restore(reader, 'second')).toEqual(textOf(sampleSegments(3)));
      expect(await reader.backups()).toHaveLength(2);
      expect(await reader.problems()).toEqual([]);
    }
  });

  it('succeeds while three calls in ten fail', async () => {
    const { memory, outcome } = await secondBackup(
      ({ number }) =>
        (['before', 'none', 'none', 'after', 'none', 'none', 'before', 'none', 'none', 'none'] as const)[number % 10] ?? 'none',
      (store) => withRetry(store, FAST),
    );
    expect(outcome).toBe('done');
    expect(await restore(await quickOpen(memory, identity), 'second')).toEqual(textOf(sampleSegments(3)));
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
    const both = copyOf(prepared);
    await backUp(await quickOpen(both, identity), 'second', sampleSegments(3));
    for (const when of ['before', 'after'] as const) {
      for (let failing = 1; ; failing++) {
        const memory = copyOf(both);
        const faulty = new FaultyStore(memory, ({ number }) => (number < failing ? 'none' : number === failing ? when : 'before'));
        const crashing = await quickOpen(faulty, identity, memory).catch(() => undefined);
        const outcome = await (crashing?.deleteBackups(['first']) ?? Promise.reject(new Error('not open'))).catch(() => 'failed');
        const reader = await quickOpen(memory, identity);
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
        expect(await restore(reader, 'second')).toEqual(textOf(sampleSegments(3)));
      }
    }
  });
});
