import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitingFor } from '../../cli/runs/waiting-for.ts';
import { startAzureStorage, type AzureStorage } from '../support/azure-storage.ts';
import type { FaultRule } from '../support/fault-rules.ts';
import { startGcsStorage } from '../support/gcs-storage.ts';
import { TestPlace } from '../support/place.ts';
import { openStorageLane, type StorageLane } from '../support/proxied.ts';
import { until } from '../support/raw-api.ts';
import { testSeed } from '../support/seed.ts';
import type { StorageServer } from '../support/storage-server.ts';
import { PASSING_FAULTS, StorageTrial, UNHARMED } from '../support/storage-trial.ts';

/** What a run says that was refused, and one whose credentials were good once. */
const REFUSED = /denied|not accepted/;
const WAITS = /the credentials (have expired|are no longer accepted); renew them where they come from/;

/** S3 goes through the same in test/faults/storage.test.ts, but for the credentials. */
describe('a store that fails', () => {
  let place: TestPlace;
  let trial: StorageTrial;
  let azure: AzureStorage;
  let google: StorageServer;
  /** Each fault comes over both at the same time, with the same project. */
  let both: readonly StorageLane[] = [];
  const lanes: StorageLane[] = [];
  const seed = testSeed('a store that fails');

  async function open(name: string, server: StorageServer): Promise<StorageLane> {
    const lane = await openStorageLane(place, name, { server, seed });
    lanes.push(lane);
    return lane;
  }

  beforeAll(async () => {
    place = await TestPlace.open({ s3: true });
    trial = await StorageTrial.open(place, 'shop', { configMaps: 40, secrets: 20 });
    [google, azure] = await Promise.all([startGcsStorage(), startAzureStorage()]);
    both = [await open('gs', google), await open('azblob', azure)];
    await open('s3', place.storage!);
    await place.startWorker();
  }, 240_000);

  afterAll(async () => {
    for (const lane of lanes) await lane.stop();
    await Promise.all([google.stop(), azure.stop(), place.close()]);
  }, 60_000);

  afterEach(() => {
    for (const { storage } of lanes) storage.rules();
  });

  async function inBoth<T>(work: (lane: StorageLane) => Promise<T>): Promise<Readonly<Record<string, T>>> {
    return Object.fromEntries(await Promise.all(both.map(async (lane) => [lane.name, await work(lane)] as const)));
  }

  it.each(PASSING_FAULTS)('and that %s: the backup is completed, and it restores', async (_what, rules) => {
    await trial.change();
    const undergone = await inBoth((lane) => trial.undergo(lane, rules(lane.server)));
    expect(undergone).toMatchObject({ gs: UNHARMED, azblob: UNHARMED });
    for (const { faults } of Object.values(undergone)) expect(faults).toBeGreaterThan(0);
  });

  /** A backup that something ends in the middle, and the one after it. */
  async function broken(lane: StorageLane, rule: FaultRule) {
    lane.storage.rules(rule);
    const run = await trial.backup(lane);
    lane.storage.rules();
    return { run, violations: await trial.violations(lane, [run]), next: await trial.nextIsWhole(lane) };
  }

  it('and that forbids writing in the middle: the backup ends with the cause, nothing of it is listed, the next one is whole', async () => {
    await trial.change();
    const runs = await inBoth((lane) =>
      broken(lane, { name: 'forbidden', fault: lane.server.says.forbidden, method: lane.server.writes, from: 2 }),
    );
    const ended = { run: { failure: { type: 'Forbidden', message: expect.stringMatching(REFUSED) } }, violations: [], next: [] };
    expect(runs).toMatchObject({ gs: ended, azblob: ended });
  });

  it('and whose bucket vanishes in the middle: the backup says so, and the next one is whole', async () => {
    await trial.change();
    const runs = await inBoth((lane) => {
      let vanished = false;
      const where: FaultRule['where'] = ({ method }) => (vanished ||= method === lane.server.writes);
      return broken(lane, { name: 'gone', fault: lane.server.says.gone, where });
    });
    const message = expect.stringContaining('does not exist');
    const ended = { run: { failure: { type: 'LocationGone', message } }, violations: [], next: [] };
    expect(runs).toMatchObject({ gs: ended, azblob: ended });
  });

  /** Starts a backup, lets `expire` happen at its first write, and `renew` once the run says that it waits. */
  async function throughExpiry(lane: StorageLane, expire: () => void, renew: () => Promise<void> | void) {
    const unobserve = lane.storage.onRequest(({ method }) => {
      if (method !== lane.server.writes) return;
      unobserve();
      expire();
    });
    const started = await trial.startBackup(lane);
    await until(`${lane.name} waits`, async () => (await waitingFor(started.handle)).some((reason) => WAITS.test(reason)), 60_000);
    await renew();
    const run = await started.outcome();
    return { run, violations: await trial.violations(lane, [run], { captured: { [run.name]: { snapshot: trial.expected } } }) };
  }
  const completed = { run: UNHARMED.run, violations: [] };

  it.each(['s3', 'gs', 'azblob'])(
    '(%s) whose credentials expire: the run says so, and goes on when they are good again',
    async (scheme) => {
      await trial.change();
      const lane = lanes.find(({ name }) => name === scheme)!;
      const refused: FaultRule = { name: 'expired', fault: lane.server.says.expired };
      const outcome = await throughExpiry(
        lane,
        () => {
          lane.storage.rules(refused);
        },
        () => {
          lane.storage.rules();
        },
      );
      expect(outcome).toMatchObject(completed);
    },
  );

  it('(azblob) whose token is revoked: the run goes on with the one that is put in its place', async () => {
    await trial.change();
    const tokens = await azure.withTokens();
    const lane = await open('tokens', tokens.server);
    // The writes wait until the server has heard of the revocation.
    lane.storage.rules({ name: 'held', fault: { kind: 'delay', ms: 500 }, method: 'PUT' });
    const outcome = await throughExpiry(lane, () => void tokens.revoke(), tokens.renew);
    expect(outcome).toMatchObject(completed);
  });
});
