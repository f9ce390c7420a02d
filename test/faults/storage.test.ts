import { renameSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { Snapshot } from '../support/canonical.ts';
import { TestPlace, type RunOutcome } from '../support/place.ts';
import { openLane, type Lane } from '../support/proxied.ts';
import { until } from '../support/raw-api.ts';
import { testSeed } from '../support/seed.ts';
import { PASSING_FAULTS, StorageTrial, UNHARMED } from '../support/storage-trial.ts';

const NAMESPACE = 'shop';

describe('a storage that fails', () => {
  let place: TestPlace;
  let trial: StorageTrial;
  let lane: Lane;
  let hanging: Lane;
  let patient: { readonly ended: Promise<RunOutcome<BackupProjectResult>>; readonly expected: Snapshot };
  const seed = testSeed('a storage that fails');

  beforeAll(async () => {
    place = await TestPlace.open({ s3: true });
    trial = await StorageTrial.open(place, NAMESPACE, { configMaps: 100, secrets: 50 });
    lane = await openLane(place, 'flaky', { seed });
    await place.startWorker({ kubeconfig: lane.kubeconfig, contexts: [lane.name] });
    hanging = await openLane(place, 'hanging');
    await place.startWorker({ kubeconfig: hanging.kubeconfig, contexts: [hanging.name] });
    hanging.storage.rules({ name: 'hung', fault: { kind: 'hang' }, method: 'PUT', path: /\/packs\//, nth: 1 });
    // It takes as long as a request may take; the other tests need not wait for it.
    const run = await trial.startBackup(hanging);
    await until('a pack hangs', () => hanging.storage.done['hung'] === 1);
    patient = { ended: run.outcome(), expected: trial.expected };
  }, 240_000);

  afterAll(async () => {
    await lane.stop();
    await hanging.stop();
    await place.close();
  }, 60_000);

  afterEach(() => {
    lane.storage.rules();
  });

  it.each(PASSING_FAULTS)('that %s: the backup is completed, and it restores', async (_what, rules) => {
    await trial.change();
    const undergone = await trial.undergo(lane, rules(lane.server));
    expect(undergone).toMatchObject(UNHARMED);
    expect(undergone.faults).toBeGreaterThan(0);
  });

  it('that forbids writing in the middle: the backup ends with what is missing and why, and nothing of it is listed', async () => {
    await trial.change();
    lane.storage.rules({ name: 'forbidden', fault: lane.server.says.forbidden, method: 'PUT', from: 2 });
    const run = await trial.backup(lane);
    expect(run.result?.phase).not.toBe('Completed');
    const said = run.failure ?? { type: '', message: run.result?.errors.map(({ message }) => message).join() ?? '' };
    expect(said.message).toMatch(/forbid|denied|403|permit|right/i);
    lane.storage.rules();
    expect(await trial.violations(lane, [run])).toEqual([]);
    expect(await trial.nextIsWhole(lane)).toEqual([]);
  });

  it('whose bucket vanishes in the middle of a backup: it fails and says so, and the next one is whole', async () => {
    await trial.change();
    const bucket = join(place.s3!.folder, 'buckets', 'backups');
    const hidden = join(place.s3!.folder, 'hidden');
    const unobserve = lane.storage.onRequest(({ method, path }) => {
      if (method !== 'PUT' || !path.includes('/packs/')) return;
      unobserve();
      renameSync(bucket, hidden);
    });
    const run = await trial.backup(lane);
    await rename(hidden, bucket);
    expect(run.result).toBeUndefined();
    expect(run.failure).toMatchObject({ type: 'LocationGone', message: expect.stringMatching(/bucket|gone|exist/i) });
    expect(await trial.violations(lane, [run])).toEqual([]);
    expect(await trial.nextIsWhole(lane)).toEqual([]);
  });

  it('that is gone for a while in the middle of a restore: the restore waits and completes', async () => {
    await trial.change();
    const made = await trial.backup(lane);
    expect(made).toMatchObject({ result: { phase: 'Completed' } });
    lane.storage.rules({ name: 'away', fault: { kind: 'reset' }, path: /\/packs\//, from: 3 });
    const run = await place.startRestore('through-outage', {
      backup: made.name,
      cluster: lane.name,
      location: lane.name,
      namespaceMapping: { [NAMESPACE]: 'outage' },
    });
    await until('it has noticed', () => (lane.storage.done['away'] ?? 0) > 5);
    lane.storage.rules();
    const restored = await run.outcome();
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, verification: { equal: true } } });
    const live = [{ expected: trial.expected, namespaces: ['outage'], options: { rename: { outage: NAMESPACE } } }];
    expect(await trial.violations(lane, [restored], { live })).toEqual([]);
  });

  it('that never answers one write: the backup gives it up, writes again and is completed', async () => {
    const run = await patient.ended;
    expect(run).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(run.elapsedMs).toBeGreaterThan(20_000);
    expect(await trial.violations(hanging, [run], { captured: { [run.name]: { snapshot: patient.expected } } })).toEqual([]);
  });
});
