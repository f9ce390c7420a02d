import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { RestoreProjectResult } from '../../contracts/restore.ts';
import { startTemporal } from '../../sandbox/temporal-server.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import type { ChildCommand } from '../support/child-command.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { checkInvariants } from '../support/invariants.ts';
import { auditLocation } from '../support/location-audit.ts';
import { progressOf, TestPlace, type RunOutcome, type StartedRun } from '../support/place.ts';
import { openLane, type Lane } from '../support/proxied.ts';
import { eachOf, until } from '../support/raw-api.ts';
import { serverPid } from '../support/server-process.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { createWorkload } from '../support/workload.ts';

const NAMESPACE = 'shop';
const MOMENTS = 10;
/** Runs at the same time: most of a killed run's time is waiting for the dead worker's heartbeat to be missed. */
const AT_ONCE = 5;
const DEADLINE_MS = 150_000;
const OUTAGE_MS = 10_000;

describe('kill -9 of the worker', () => {
  let place: TestPlace;
  let expected: Snapshot;
  let reference: Lane;
  let undisturbed: { backup: BackupProjectResult; requests: number; parts: readonly string[]; restore?: RestoreProjectResult };
  const seed = testSeed('kill -9 of the worker');
  const random = seededRandom(seed);
  const lanes: Lane[] = [];

  beforeAll(async () => {
    place = await TestPlace.open({ s3: true });
    await createWorkload(place, NAMESPACE, { configMaps: 550, secrets: 230 });
    expected = await takeSnapshot(place.api, [NAMESPACE]);
    reference = await lane('reference');
    const worker = await startWorker(reference);
    const before = reference.requests();
    const run = await place.backup('backup', { cluster: 'reference', location: 'reference', namespaces: [NAMESPACE] });
    expect(run.result).toMatchObject({ phase: 'Completed', errors: [] });
    const requests = reference.requests() - before;
    undisturbed = { backup: run.result!, requests, parts: await partsOf(reference) };
    await worker.kill('SIGKILL');
  }, 280_000);

  afterAll(async () => {
    for (const opened of lanes) await opened.stop();
    await place.close();
  }, 60_000);

  async function lane(name: string): Promise<Lane> {
    const opened = await openLane(place, name, name === 'reference' ? {} : { sameKeysAs: 'reference' });
    lanes.push(opened);
    return opened;
  }

  function startWorker({ kubeconfig, name }: Lane): Promise<ChildCommand> {
    return place.startWorker({ kubeconfig, contexts: [name] });
  }

  async function partsOf({ location }: Lane): Promise<readonly string[]> {
    return (await auditLocation(location.store, location.identity)).backups[0]?.manifest.parts ?? [];
  }

  /** Starts a run, kills its worker when `moment` comes, starts another one, and sees the run through. */
  async function killedOnce<Result>(
    at: Lane,
    start: () => Promise<StartedRun<Result>>,
    moment: (run: StartedRun<Result>) => Promise<void>,
  ) {
    const first = await startWorker(at);
    const run = await start();
    await Promise.race([moment(run), run.outcome()]);
    expect(await run.handle.describe()).toMatchObject({ status: { name: 'RUNNING' } });
    await first.kill('SIGKILL');
    const second = await startWorker(at);
    const outcome = await run.outcome();
    await second.kill('SIGKILL');
    return outcome;
  }

  /** Resolves at the n-th request, and a little later. */
  function atRequest(proxies: readonly FaultProxy[], number: number, laterMs: number): Promise<void> {
    const reached = Promise.withResolvers<undefined>();
    let seen = 0;
    const count = () => {
      seen += 1;
      if (seen === number) reached.resolve(undefined);
    };
    for (const proxy of proxies) proxy.onRequest(count);
    return reached.promise.then(() => delay(laterMs));
  }

  async function expectUndisturbedBackup(at: Lane, run: RunOutcome<BackupProjectResult>): Promise<void> {
    expect(run.failure).toBeUndefined();
    const { phase, objectCount, errors } = run.result!;
    expect({ phase, objectCount, errors }).toEqual({ phase: 'Completed', objectCount: undisturbed.backup.objectCount, errors: [] });
    expect(kindsOf(run.result!)).toEqual(kindsOf(undisturbed.backup));
    expect(await partsOf(at)).toEqual(undisturbed.parts);
    const captured = { backup: { snapshot: expected } };
    expect(await checkInvariants({ place, location: at.name, runs: [run], deadlineMs: DEADLINE_MS, captured })).toEqual([]);
  }

  it(`at ${MOMENTS} random moments of a backup ends in the same backup`, async () => {
    const moments = Array.from({ length: MOMENTS }, (_, index) => {
      const share = (index + random()) / MOMENTS;
      return { name: `b${index}`, number: 1 + Math.floor(share * undisturbed.requests * 0.95), laterMs: random() * 30 };
    });
    const failures: unknown[] = [];
    await eachOf(moments, AT_ONCE, async ({ name, number, laterMs }) => {
      const at = await lane(name);
      const reached = atRequest([at.api, at.storage], number, laterMs);
      const run = await killedOnce(
        at,
        () => place.startBackup('backup', { cluster: name, location: name, namespaces: [NAMESPACE] }),
        () => reached,
      );
      await expectUndisturbedBackup(at, run).catch((error: unknown) =>
        failures.push(`killed at request ${number} of ${undisturbed.requests}: ${String(error)}`),
      );
    });
    expect(failures).toEqual([]);
  }, 600_000);

  it('while it captures, uploads and commits ends in the same backup', async () => {
    const phases: Readonly<Record<string, (at: Lane, run: StartedRun<BackupProjectResult>) => Promise<void>>> = {
      capture: async (at, run) => {
        at.api.rules({ name: 'slow lists', path: /resourceVersionMatch=Exact|continue=/, fault: { kind: 'delay', ms: 400 } });
        await until('it captures', async () => (await progressOf(run.handle))?.step === 'capture');
        at.api.rules();
      },
      upload: async (at) => {
        at.storage.rules({ name: 'slow packs', method: 'PUT', path: /\/packs\//, fault: { kind: 'delay', ms: 2_000 } });
        await until('a pack is going up', () => (at.storage.done['slow packs'] ?? 0) > 0);
        at.storage.rules();
      },
      commit: async (at) => {
        at.storage.rules(
          { name: 'manifest stored, answer lost', method: 'PUT', path: /\/manifests\//, fault: { kind: 'lose-answer' }, nth: 1 },
          { name: 'no further', where: () => (at.storage.done['manifest stored, answer lost'] ?? 0) > 0, fault: { kind: 'hang' } },
        );
        await until(
          'the manifest is there',
          async () => (await auditLocation(at.location.store, at.location.identity)).backups.length === 1,
        );
        at.storage.rules();
      },
    };
    await eachOf(Object.entries(phases), AT_ONCE, async ([phase, moment]) => {
      const at = await lane(phase);
      const start = () => place.startBackup('backup', { cluster: phase, location: phase, namespaces: [NAMESPACE] });
      await expectUndisturbedBackup(at, await killedOnce(at, start, (run) => moment(at, run)));
    });
  });

  it(`at ${MOMENTS} random moments of a restore, and while it applies, ends in the same objects`, async () => {
    const worker = await startWorker(reference);
    const restoreTo = (namespace: string, cluster: string) => ({
      backup: 'backup',
      location: 'reference',
      cluster,
      namespaceMapping: { [NAMESPACE]: namespace },
    });
    const before = reference.api.requests;
    const whole = await place.restore('undisturbed', restoreTo('undisturbed', 'reference'));
    const requests = reference.api.requests - before;
    await worker.kill('SIGKILL');
    expect(whole.result).toMatchObject({ phase: 'Completed', failed: 0, errors: [], verification: { equal: true } });

    const failures: unknown[] = [];
    const moments = Array.from({ length: MOMENTS }, (_, index) => ({
      name: `r${index}`,
      // The API server's requests only: the location is the reference's.
      number: 1 + Math.floor(((index + random()) / MOMENTS) * requests * 0.9),
      laterMs: random() * 30,
    }));
    const applying = { name: 'applying', number: 0, laterMs: 0 };
    const runs: RunOutcome<RestoreProjectResult>[] = [];
    await eachOf([...moments, applying], AT_ONCE, async ({ name, number, laterMs }) => {
      const at = await lane(name);
      const reached = atRequest([at.api], number, laterMs);
      const moment = async (run: StartedRun<RestoreProjectResult>) => {
        if (number > 0) return reached;
        await until('it applies', async () => {
          const progress = await progressOf(run.handle);
          return progress?.step.startsWith('apply') === true && progress.objectsDone > 0;
        });
      };
      const run = await killedOnce(at, () => place.startRestore(name, restoreTo(name, name)), moment);
      runs.push(run);
      const { result } = run;
      const same = {
        phase: 'Completed',
        counts: whole.result?.counts,
        failed: 0,
        errors: [],
        differences: 0,
        compared: whole.result?.verification.compared,
      };
      const found = result && {
        phase: result.phase,
        counts: result.counts,
        failed: result.failed,
        errors: result.errors,
        differences: result.verification.differenceCount,
        compared: result.verification.compared,
      };
      if (JSON.stringify(found) !== JSON.stringify(same))
        failures.push({
          killedAt: `${number} of ${requests}`,
          found,
          failure: run.failure,
          differences: result?.verification.differences,
          same,
        });
    });
    expect(failures).toEqual([]);
    const live = ['undisturbed', ...moments.map(({ name }) => name), 'applying'].map((name) => ({
      expected,
      namespaces: [name],
      options: { rename: { [name]: NAMESPACE } },
    }));
    expect(
      await checkInvariants({
        place,
        location: 'reference',
        runs: [whole, ...runs],
        deadlineMs: DEADLINE_MS,
        captured: { backup: { snapshot: expected } },
        live,
      }),
    ).toEqual([]);
  }, 600_000);

  it('of the Temporal server instead, for ten seconds, in the middle of a backup and of a restore, changes nothing in the end', async () => {
    const at = await lane('outage');
    const worker = await startWorker(at);
    at.api.rules({ name: 'slow', method: 'GET', fault: { kind: 'delay', ms: 60 } });
    const capturing = await place.startBackup('backup', { cluster: at.name, location: at.name, namespaces: [NAMESPACE] });
    await until('it captures', async () => (await progressOf(capturing.handle))?.step === 'capture');
    await outage(place.temporal!.folder);
    await expectUndisturbedBackup(at, await capturing.outcome());

    const restoring = await place.startRestore('outage', {
      backup: 'backup',
      cluster: at.name,
      location: at.name,
      namespaceMapping: { [NAMESPACE]: 'outage' },
    });
    await until('it applies', async () => ((await progressOf(restoring.handle))?.objectsDone ?? 0) > 0);
    await outage(place.temporal!.folder);
    const restored = await restoring.outcome();
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, errors: [], verification: { equal: true } } });
    expect(worker.running).toBe(true);
    const live = [{ expected, namespaces: ['outage'], options: { rename: { outage: NAMESPACE } } }];
    expect(await checkInvariants({ place, location: at.name, runs: [restored], deadlineMs: DEADLINE_MS, live })).toEqual([]);
  }, 600_000);
});

/** Kills the server, waits, and starts it again on its database. */
async function outage(folder: string): Promise<void> {
  process.kill(await serverPid(folder, 'temporal'), 'SIGKILL');
  await delay(OUTAGE_MS);
  await startTemporal({ folder, lease: { pid: process.pid } });
}

/** Without the revision, which is that of the cut. */
function kindsOf(result: BackupProjectResult) {
  return result.kinds.map(({ type, count, bytes }) => ({ type, count, bytes }));
}
