import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { status, type FaultRule } from '../support/fault-rules.ts';
import { checkInvariants } from '../support/invariants.ts';
import { TestPlace, type StartedRun } from '../support/place.ts';
import { openLane, type Lane } from '../support/proxied.ts';
import { until } from '../support/raw-api.ts';
import { testSeed } from '../support/seed.ts';
import { createWorkload } from '../support/workload.ts';

const NAMESPACE = 'shop';
const DEADLINE_MS = 120_000;

describe('a storage that fails', () => {
  let place: TestPlace;
  let expected: Snapshot;
  let lane: Lane;
  let hanging: Lane;
  let patient: { readonly run: StartedRun<BackupProjectResult>; readonly expected: Snapshot };
  let names = 0;
  const seed = testSeed('a storage that fails');

  beforeAll(async () => {
    place = await TestPlace.open({ s3: true });
    await createWorkload(place, NAMESPACE, { configMaps: 300, secrets: 100 });
    expected = await takeSnapshot(place.api, [NAMESPACE]);
    lane = await openLane(place, 'flaky', { seed });
    await place.startWorker({ kubeconfig: lane.kubeconfig, contexts: [lane.name] });
    hanging = await openLane(place, 'hanging');
    await place.startWorker({ kubeconfig: hanging.kubeconfig, contexts: [hanging.name] });
    hanging.storage.rules({ name: 'hung', fault: { kind: 'hang' }, method: 'PUT', path: /\/packs\//, nth: 1 });
    // It takes as long as a request may take; the other tests need not wait for it.
    const run = await place.startBackup('patient', { cluster: hanging.name, location: hanging.name, namespaces: [NAMESPACE] });
    await until('a pack hangs', () => hanging.storage.done['hung'] === 1);
    patient = { run, expected };
  }, 240_000);

  afterAll(async () => {
    await lane.stop();
    await hanging.stop();
    await place.close();
  }, 60_000);

  afterEach(() => {
    lane.storage.rules();
  });

  /** New content, so that there is something to upload. */
  async function change(): Promise<void> {
    names += 1;
    const configMap = (index: number) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `config-${String(index).padStart(4, '0')}`, namespace: NAMESPACE },
    });
    for (let index = 0; index < 20; index += 1) await place.api.mergePatch(configMap(index), { data: { changed: `by test ${names}` } });
    expected = await takeSnapshot(place.api, [NAMESPACE]);
  }

  function backup() {
    return place.backup(`backup-${names}`, { cluster: lane.name, location: lane.name, namespaces: [NAMESPACE] });
  }

  const faults: readonly (readonly [string, readonly FaultRule[]])[] = [
    [
      'answers 500 or 503 to three requests of ten',
      [
        { name: 'bad', fault: status(503), probability: 0.15 },
        { name: 'bad', fault: status(500), probability: 0.18 },
      ],
    ],
    ['is slow', [{ name: 'bad', fault: { kind: 'delay', ms: 100 } }]],
    [
      'resets connections in the middle of answers',
      [{ name: 'bad', fault: { kind: 'reset-body', afterBytes: 40 }, method: 'GET', probability: 0.3 }],
    ],
    ['resets connections before it has heard the request', [{ name: 'bad', fault: { kind: 'reset' }, probability: 0.25 }]],
    [
      'sends one wrong byte now and then',
      [{ name: 'bad', fault: { kind: 'wrong-byte' }, method: 'GET', path: /\/(packs|index|manifests)\//, first: 1 }],
    ],
    [
      'cuts an answer that looks whole',
      [{ name: 'bad', fault: { kind: 'truncate', afterBytes: 30 }, method: 'GET', path: /\/(packs|index|manifests)\//, first: 1 }],
    ],
    [
      'does it and loses the answer, for every second write',
      [{ name: 'bad', fault: { kind: 'lose-answer' }, method: 'PUT', probability: 0.5 }],
    ],
  ];

  it.each(faults)('that %s: the backup is completed, and it restores', async (_what, rules) => {
    await change();
    lane.storage.rules(...rules);
    const before = lane.storage.done['bad'] ?? 0;
    const run = await backup();
    expect(run).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const restored = await place.restore(`restore-${names}`, {
      backup: run.name,
      cluster: lane.name,
      location: lane.name,
      namespaceMapping: { [NAMESPACE]: `copy-${names}` },
    });
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, verification: { equal: true } } });
    expect((lane.storage.done['bad'] ?? 0) - before).toBeGreaterThan(0);
    const live = [{ expected, namespaces: [`copy-${names}`], options: { rename: { [`copy-${names}`]: NAMESPACE } } }];
    expect(
      await checkInvariants({
        place,
        location: lane.name,
        runs: [run, restored],
        deadlineMs: DEADLINE_MS,
        captured: { [run.name]: { snapshot: expected } },
        live,
      }),
    ).toEqual([]);
  });

  it('that forbids writing in the middle: the backup ends with what is missing and why, and nothing of it is listed', async () => {
    await change();
    lane.storage.rules({
      name: 'forbidden',
      fault: status(403, {}, '<Error><Code>AccessDenied</Code><Message>no</Message></Error>'),
      method: 'PUT',
      from: 1,
    });
    const run = await backup();
    expect(run.result?.phase).not.toBe('Completed');
    const said = run.failure ?? { type: '', message: run.result?.errors.map(({ message }) => message).join() ?? '' };
    expect(said.message).toMatch(/forbid|denied|403|permit|right/i);
    lane.storage.rules();
    expect(await checkInvariants({ place, location: lane.name, runs: [run], deadlineMs: DEADLINE_MS })).toEqual([]);
    const again = await place.backup(`backup-${names}-again`, { cluster: lane.name, location: lane.name, namespaces: [NAMESPACE] });
    expect(again).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(
      await checkInvariants({ place, location: lane.name, runs: [again], captured: { [again.name]: { snapshot: expected } } }),
    ).toEqual([]);
  });

  it('whose bucket is gone: the backup fails and says so', async () => {
    await change();
    const buckets = join(place.s3!.folder, 'buckets');
    await rename(join(buckets, 'backups'), join(buckets, '..', 'hidden'));
    const run = await backup();
    await rename(join(buckets, '..', 'hidden'), join(buckets, 'backups'));
    expect(run.result).toBeUndefined();
    expect(run.failure).toMatchObject({ type: 'LocationGone', message: expect.stringMatching(/bucket|gone|exist/i) });
    expect(await checkInvariants({ place, location: lane.name, runs: [run], deadlineMs: DEADLINE_MS })).toEqual([]);
  });

  it('that is gone for a while in the middle of a restore: the restore waits and completes', async () => {
    await change();
    const made = await backup();
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
    const live = [{ expected, namespaces: ['outage'], options: { rename: { outage: NAMESPACE } } }];
    expect(await checkInvariants({ place, location: lane.name, runs: [restored], deadlineMs: DEADLINE_MS, live })).toEqual([]);
  });

  it('that never answers one write: the backup gives it up, writes again and is completed', async () => {
    const run = await patient.run.outcome();
    expect(run).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(run.elapsedMs).toBeGreaterThan(20_000);
    const captured = { patient: { snapshot: patient.expected } };
    expect(await checkInvariants({ place, location: hanging.name, runs: [run], deadlineMs: DEADLINE_MS, captured })).toEqual([]);
  });
});
