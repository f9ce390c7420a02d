import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BackupProjectResult } from '../../contracts/backup.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { status, type Fault, type FaultRule, type ProxiedRequest } from '../support/fault-rules.ts';
import { checkInvariants } from '../support/invariants.ts';
import { progressOf, TestPlace, type RunOutcome, type StartedRun } from '../support/place.ts';
import { kubeconfigAccess, until } from '../support/raw-api.ts';
import { testSeed } from '../support/seed.ts';
import { serverPid } from '../support/server-process.ts';
import { createWorkload } from '../support/workload.ts';

const NAMESPACE = 'shop';
const DEADLINE_MS = 180_000;

describe('an API server that fails', () => {
  let place: TestPlace;
  let proxy: FaultProxy;
  let hanging: FaultProxy;
  let expected: Snapshot;
  let patient: StartedRun<BackupProjectResult>;
  let runs = 0;

  beforeAll(async () => {
    place = await TestPlace.open();
    await createWorkload(place, NAMESPACE, { configMaps: 320, secrets: 60 });
    expected = await takeSnapshot(place.api, [NAMESPACE]);
    await place.addLocation('main');
    await place.addLocation('patient');
    const upstream = await kubeconfigAccess(place.cluster.kubeconfigPath);
    proxy = await FaultProxy.start({ upstream, seed: testSeed('an API server that fails') });
    hanging = await FaultProxy.start({ upstream });
    const kubeconfig = await place.writeKubeconfig({ flaky: proxy.url, patient: hanging.url });
    await place.startWorker({ kubeconfig, contexts: ['flaky', 'patient'] });
    hanging.rules({ name: 'hung', path: /\/configmaps\?.*continue=/, fault: { kind: 'hang' }, nth: 1 });
    // It takes as long as a request may take; the other tests need not wait for it.
    patient = await place.startBackup('patient', { cluster: 'patient', location: 'patient', namespaces: [NAMESPACE] });
  }, 240_000);

  afterAll(async () => {
    await Promise.all([proxy.stop(), hanging.stop()]);
    await place.close();
  }, 60_000);

  afterEach(() => {
    proxy.rules();
  });

  function backup() {
    runs += 1;
    return place.backup(`backup-${runs}`, { cluster: 'flaky', location: 'main', namespaces: [NAMESPACE] });
  }

  function startRestore(from: string) {
    return place.startRestore(`restore-${runs}`, {
      backup: from,
      cluster: 'flaky',
      location: 'main',
      namespaceMapping: { [NAMESPACE]: `copy-${runs}` },
    });
  }

  /** Everything holds, and what was restored is there. */
  async function expectInvariants(...outcomes: Parameters<typeof checkInvariants>[0]['runs'] & object): Promise<void> {
    const [made, restored] = outcomes;
    const copy = `copy-${runs}`;
    const live = restored === undefined ? [] : [{ expected, namespaces: [copy], options: { rename: { [copy]: NAMESPACE } } }];
    const captured = { [made!.name]: { snapshot: expected } };
    expect(await checkInvariants({ place, location: 'main', runs: outcomes, deadlineMs: DEADLINE_MS, captured, live })).toEqual([]);
  }

  const tooMany = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'TooManyRequests', message: 'slow down', code: 429 };
  const faults: readonly (readonly [string, readonly FaultRule[]])[] = [
    [
      'answers 429 with Retry-After to one request in fifty',
      [{ name: 'bad', fault: status(429, { 'retry-after': '1' }, JSON.stringify(tooMany)), probability: 0.02 }],
    ],
    [
      'answers 500 to reads, and to some writes',
      [
        { name: 'bad', fault: status(500, {}, 'oops'), method: 'GET', probability: 0.15 },
        { name: 'bad', fault: status(500, {}, 'oops'), method: 'POST', first: 3 },
      ],
    ],
    [
      'resets connections',
      [
        { name: 'bad', fault: { kind: 'reset' }, method: 'GET', probability: 0.15 },
        { name: 'bad', fault: { kind: 'reset' }, method: 'POST', first: 3 },
      ],
    ],
    [
      'does what it is asked and loses the answer',
      [
        // The namespace, and two objects later on.
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'POST', nth: 1 },
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'POST', nth: 40 },
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'POST', nth: 200 },
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'PATCH', first: 2 },
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'GET', path: /\/secrets\?/, first: 1 },
      ],
    ],
    [
      'loses an answer late in a batch, so that the next attempt goes on in its middle',
      [
        { name: 'bad', fault: { kind: 'lose-answer' }, method: 'POST', nth: 280 },
        // Time for the worker to report how far it is.
        { name: 'slow', fault: { kind: 'delay', ms: 5_000 }, method: 'POST', nth: 270 },
      ],
    ],
    [
      'breaks off in the middle of lists, or cuts them',
      [
        { name: 'bad', fault: { kind: 'reset-body', afterBytes: 3_000 }, method: 'GET', path: /limit=/, first: 3 },
        { name: 'bad', fault: { kind: 'truncate', afterBytes: 3_000 }, method: 'GET', path: /\/configmaps\?/, first: 2 },
      ],
    ],
    ['times out at a gateway', [{ name: 'bad', fault: status(504), method: 'GET', path: /limit=/, first: 3 }]],
  ];

  it.each(faults)('that %s: backup and restore are completed', async (_what, rules) => {
    proxy.rules(...rules);
    const before = proxy.done['bad'] ?? 0;
    const made = await backup();
    expect(made).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const restored = await (await startRestore(made.name)).outcome();
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, errors: [], verification: { equal: true } } });
    expect((proxy.done['bad'] ?? 0) - before).toBeGreaterThan(0);
    await expectInvariants(made, restored);
  });

  it('that cannot go on with a list at its revision: the kind is taken at a later one, and the backup says so', async () => {
    proxy.rules({ name: 'expired', path: /\/configmaps\?.*continue=/, fault: expiredToken(), nth: 1 });
    const made = await backup();
    expect(made.result).toMatchObject({
      phase: 'Completed',
      errors: [],
      warnings: [expect.objectContaining({ code: 'RevisionFallback' })],
    });
    expect(made.result?.kinds.find(({ type }) => type.resource === 'configmaps')?.fallbackReason).toMatch(/expired|old/);
    expect(proxy.done['expired']).toBe(1);
    await expectInvariants(made);
  });

  it('that forbids one kind: the backup is partial, names the kind, and has everything else', async () => {
    const forbidden = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'Forbidden',
      message: 'secrets is forbidden',
      code: 403,
    };
    proxy.rules({
      name: 'forbidden',
      path: /\/secrets\?/,
      fault: status(403, { 'content-type': 'application/json' }, JSON.stringify(forbidden)),
    });
    const made = await backup();
    expect(made.result?.phase).toBe('PartiallyFailed');
    expect(made.result?.errors).toEqual([
      expect.objectContaining({ code: 'Forbidden', object: expect.objectContaining({ kind: 'Secret' }) }),
    ]);
    const captured = { [made.name]: { snapshot: expected, lacks: ['Secret'] } };
    expect(await checkInvariants({ place, location: 'main', runs: [made], deadlineMs: DEADLINE_MS, captured })).toEqual([]);
  });

  it('with an aggregated API that is down: the backup is partial, names the group, and has everything else', async () => {
    const apiService = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.nowhere.example.com' },
      spec: {
        group: 'nowhere.example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { name: 'nobody', namespace: 'default' },
      },
    };
    await place.api.create(apiService);
    try {
      await until('the server knows that it is down', async () =>
        JSON.stringify((await place.api.read(apiService))?.['status'] ?? {}).includes('ServiceNotFound'),
      );
      const made = await backup();
      expect(made.result?.phase).toBe('PartiallyFailed');
      expect(made.result?.errors).toEqual([
        expect.objectContaining({ code: 'KindUnavailable', message: expect.stringContaining('nowhere.example.com/v1') }),
      ]);
      await expectInvariants(made);
    } finally {
      await place.api.remove(apiService);
    }
  });

  it('that stands still for a while: backup and restore wait and are completed', async () => {
    const stopped = async (moment: () => Promise<boolean>) => {
      await until('the moment has come', moment);
      const pid = await serverPid(place.cluster.folder, 'kube-apiserver');
      process.kill(pid, 'SIGSTOP');
      await delay(6_000);
      process.kill(pid, 'SIGCONT');
    };
    runs += 1;
    proxy.rules({ name: 'slow', fault: { kind: 'delay', ms: 30 }, method: 'GET' });
    const capturing = await place.startBackup(`backup-${runs}`, { cluster: 'flaky', location: 'main', namespaces: [NAMESPACE] });
    await stopped(async () => (await progressOf(capturing.handle))?.step === 'capture');
    const made: RunOutcome<BackupProjectResult> = await capturing.outcome();
    expect(made).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const restoring = await startRestore(made.name);
    await stopped(async () => (await progressOf(restoring.handle))?.step.startsWith('apply') === true);
    const restored = await restoring.outcome();
    expect(restored).toMatchObject({ result: { phase: 'Completed', failed: 0, errors: [], verification: { equal: true } } });
    await expectInvariants(made, restored);
  });

  it('that never answers one request: the backup gives it up, asks again and is completed', async () => {
    const made = await patient.outcome();
    expect(made).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    expect(hanging.done).toEqual({ hung: 1 });
    expect(made.elapsedMs).toBeGreaterThan(20_000);
    expect(
      await checkInvariants({
        place,
        location: 'patient',
        runs: [made],
        deadlineMs: DEADLINE_MS,
        captured: { patient: { snapshot: expected } },
      }),
    ).toEqual([]);
  });
});

/** What a real server says when the revision of a page token is gone: 410, with a token that goes on where the list was, at a later revision. */
function expiredToken(): Fault {
  const answer = ({ path }: ProxiedRequest) => {
    const token = new URL(path, 'http://any').searchParams.get('continue') ?? '';
    const { v, start } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { v: string; start: string };
    const metadata = { continue: Buffer.from(JSON.stringify({ v, rv: -1, start })).toString('base64url') };
    const message = 'The provided continue parameter is too old to display a consistent list result';
    const body = { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, reason: 'Expired', code: 410 };
    return { status: 410, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  };
  return { kind: 'answer', answer };
}
