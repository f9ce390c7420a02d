import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { scheduleId } from '../../contracts/workflow-ids.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { status } from '../support/fault-rules.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { kubeconfigAccess, until } from '../support/raw-api.ts';

const NAMESPACE = 'scheduled';

interface ScheduleData {
  readonly name: string;
  readonly paused: boolean;
  readonly nextRuns: readonly string[];
  readonly lastGood?: { readonly name: string };
  readonly rpo: { readonly overdue: boolean; readonly rpoNowSeconds: number | null; readonly targetSeconds: number };
}

describe('schedules, coverage and copies', () => {
  let place: TestPlace;
  let expected: Snapshot;

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: true });
    for (const name of ['main', 'bare']) await place.addLocation(name);
    await place.api.create(namespace(NAMESPACE));
    await place.api.create(namespace('forgotten'));
    for (let index = 0; index < 20; index++) await place.api.create(configMap(NAMESPACE, `c-${index}`, { text: String(index) }));
    expected = await takeSnapshot(place.api, [NAMESPACE]);
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);
  const schedules = async (): Promise<readonly ScheduleData[]> => {
    const { stdout } = await hold('schedule get -o json');
    SCHEMAS['schedule-get'].strict().parse(JSON.parse(stdout));
    return (JSON.parse(stdout) as { readonly schedules: readonly ScheduleData[] }).schedules;
  };
  const scheduleOf = async (name: string): Promise<ScheduleData | undefined> =>
    (await schedules()).find((schedule) => schedule.name === name);
  const backups = async (): Promise<readonly string[]> => {
    const { stdout } = await hold('backup get -o json');
    return (JSON.parse(stdout) as { readonly backups: readonly { readonly name: string }[] }).backups.map(({ name }) => name);
  };

  it('shows what a schedule would do, and creates nothing', async () => {
    const dry = await hold('schedule create nightly --dry-run -n scheduled --schedule', 'CRON_TZ=Europe/Berlin 30 2 * * *');
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.stdout).toMatch(/next runs: (\d{4}-\d\d-\d\dT0[01]:30:00Z, ){4}.*\nnothing was created/);
    const yaml = await hold('schedule create nightly -n scheduled --keep-daily 7 --ttl 48h --rpo 26h -o yaml --schedule', '30 2 * * *');
    expect(parse(yaml.stdout)).toMatchObject({
      name: 'nightly',
      expression: '30 2 * * *',
      cluster: place.cluster.context,
      location: 'main',
      rpoSeconds: 93_600,
      action: { type: 'backup', ttlSeconds: 172_800, retention: { keepDaily: 7 }, selection: { includedNamespaces: ['scheduled'] } },
    });
    SCHEMAS['schedule-create'].strict().parse(parse(yaml.stdout));
    expect(await schedules()).toEqual([]);
  });

  it('says that nothing runs while no worker serves the cluster', async () => {
    const created = await hold('schedule create nightly -n scheduled --labels team=shop --keep-last 2 --schedule', '@every 12h');
    expect(created).toMatchObject({ code: 0 });
    expect(created.stdout).toMatch(/schedule "nightly" created: @every 12h\nnext runs: /);
    expect(created.stderr).toContain(`no worker serves cluster "${place.cluster.context}"`);
    expect(await hold('schedule create nightly -n scheduled --schedule', '@daily')).toMatchObject({ code: 2 });
    expect(await scheduleOf('nightly')).toMatchObject({
      paused: false,
      rpo: { overdue: false, rpoNowSeconds: null, targetSeconds: 86_400 },
    });
  });

  it('makes backups when triggered, keeps as many as retention says, and restores the newest', async () => {
    await place.startWorker();
    for (let run = 0; run < 3; run++) {
      const triggered = await hold('schedule trigger nightly --wait');
      expect(triggered).toMatchObject({ code: 0 });
      expect(triggered.stdout).toMatch(/run of schedule "nightly" Completed/);
      // Backups are named after the second in which their run is due.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
    const made = await backups();
    expect(made).toHaveLength(2);
    expect(made.every((name) => /^nightly-\d{8}-\d{6}$/.test(name))).toBe(true);
    const nightly = await scheduleOf('nightly');
    expect(nightly).toMatchObject({ lastGood: { name: made[0] }, rpo: { overdue: false } });
    expect((await hold('schedule describe nightly')).stdout).toContain(`Last good:   ${made[0]} at `);
    expect((await hold('schedule get')).stderr).not.toContain('no worker serves');

    await place.api.removeNamespaces(NAMESPACE);
    const restored = await hold('restore create back --from-schedule nightly --wait');
    expect(restored).toMatchObject({ code: 0 });
    expect(restored.stdout).toContain('verification: equal');
    expect(await takeSnapshot(place.api, [NAMESPACE])).toEqual(expected);
    expect(await hold('restore create other --from-schedule nowhere')).toMatchObject({ code: 3 });
    expect(await hold('restore create other --from-schedule nightly --from-backup x')).toMatchObject({ code: 2 });
  });

  it('pauses, unpauses, backfills and runs by itself', async () => {
    expect(await hold('schedule pause nightly --reason holidays')).toMatchObject({ code: 0 });
    expect(await scheduleOf('nightly')).toMatchObject({ paused: true, nextRuns: [] });
    expect((await hold('schedule describe nightly')).stdout).toContain('paused: holidays');
    expect(await hold('schedule unpause nightly')).toMatchObject({ code: 0 });
    expect((await scheduleOf('nightly'))?.nextRuns.length).toBeGreaterThan(0);

    const filled = await hold('schedule backfill nightly --from 2026-01-01T00:00:00Z --to 2026-01-01T23:00:00Z');
    expect(filled).toMatchObject({ code: 0, stdout: 'schedule "nightly": 2 runs asked for\n' });

    expect(await hold('schedule create often -n scheduled --labels made=often --schedule', '@every 2s')).toMatchObject({ code: 0 });
    await until('it ran by itself', async () => (await scheduleOf('often'))?.lastGood !== undefined);
    expect(await hold('schedule create scrub --check --read-data 50% --schedule', '@every 2s')).toMatchObject({ code: 0 });
    await until('the check ran by itself', async () => (await scheduleOf('scrub'))?.lastGood !== undefined);
    expect(await hold('schedule delete often scrub')).toMatchObject({ code: 2 });
    expect(await hold('schedule delete often scrub --confirm')).toMatchObject({ code: 0 });
    expect((await schedules()).map(({ name }) => name)).toEqual(['nightly']);
    expect((await backups()).some((name) => name.startsWith('often-'))).toBe(true);
  });

  it('tells what no schedule protects', async () => {
    const { stdout, code } = await hold('coverage -o json');
    expect(code).toBe(0);
    SCHEMAS.coverage.strict().parse(JSON.parse(stdout));
    const { namespaces } = JSON.parse(stdout) as {
      readonly namespaces: readonly { readonly namespace: string; readonly coverage: string }[];
    };
    const coverageOf = (name: string) => namespaces.find(({ namespace: found }) => found === name)?.coverage;
    expect([coverageOf(NAMESPACE), coverageOf('forgotten')]).toEqual(['full', 'none']);
    expect(await hold('coverage --require-all')).toMatchObject({ code: 4 });
  });

  it('is overdue when no good backup comes in time', async () => {
    expect(await hold('schedule create late --paused --rpo 1s -n scheduled --schedule', '@yearly')).toMatchObject({ code: 0 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const [worst] = await schedules();
    expect(worst).toMatchObject({ name: 'late', rpo: { overdue: true } });
    expect((await hold('schedule get')).stdout.split('\n')[1]).toMatch(/^late .*OVERDUE$/);
    expect(await hold('schedule delete late --confirm')).toMatchObject({ code: 0 });
  });

  it('copies all backups to another place, from which they restore on their own', async () => {
    expect(await hold('backup copy --to bare --wait')).toMatchObject({ code: 5 });
    await place.addCopyPlace('copy', 'main');
    const [newest = ''] = await backups();
    const copied = await hold(`backup copy ${newest} --to copy --wait`);
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stdout).toMatch(/copy of "main" to "copy" Completed in .* objects copied/);
    expect(copied.stderr).toContain(`backup "${newest}" is in "copy"`);
    expect((await hold('backup copy --to copy --wait')).stdout).toContain(': 0 objects copied');
    expect((await hold('restore plan --location copy --from-backup', newest)).stdout).toMatch(/unchanged/);
    expect(await hold('repository check --read-data --location copy')).toMatchObject({ code: 0 });
  });

  describe('with a run that is held open when the next is due', () => {
    let api: FaultProxy;
    let kubeconfig: string;

    beforeAll(async () => {
      api = await FaultProxy.start({ upstream: await kubeconfigAccess(place.cluster.kubeconfigPath) });
      kubeconfig = await place.writeKubeconfig({ held: api.url });
      await place.startWorker({ kubeconfig, contexts: ['held'] });
    }, 60_000);

    afterAll(() => api.stop());

    /** From now on a backup stands still in the middle: the API server asks to wait, again and again. */
    const holdOpen = () => {
      api.rules({ name: 'held', path: /\/configmaps\?/, fault: status(429, { 'retry-after': '1' }) });
    };
    const letGo = () => {
      api.rules();
    };
    const heldSince = (before: number) => until('a backup stands still', () => (api.done['held'] ?? 0) > before + 1);

    async function create(name: string, overlap: string, every: string): Promise<void> {
      const words = `schedule create ${name} -n scheduled --overlap ${overlap} --context held --schedule`.split(' ');
      expect(await place.run([...words, every], { KUBECONFIG: kubeconfig })).toMatchObject({ code: 0 });
    }

    /** A server that is busy may need to be asked again. */
    async function infoOf(name: string) {
      const handle = (await place.client()).schedule.getHandle(scheduleId(name));
      const ask = () => handle.describe().then(({ info }) => info);
      return ask().catch(ask);
    }

    /** The runs that the schedule has started, oldest first: how each ended, and the name of its backup. */
    async function runsOf(name: string) {
      const client = await place.client();
      const { recentActions } = await infoOf(name);
      return Promise.all(
        recentActions.map(async ({ action, scheduledAt }) => {
          const { workflowId, firstExecutionRunId } = action.workflow;
          const { status: ended } = await client.workflow.getHandle(workflowId, firstExecutionRunId).describe();
          const at = scheduledAt
            .toISOString()
            .replaceAll(/[-:]|\..*/g, '')
            .replace('T', '-');
          return { status: ended.name, backup: `${name}-${at}` };
        }),
      );
    }

    const madeBy = async (name: string) => (await backups()).filter((backup) => backup.startsWith(`${name}-`)).sort();

    it('skip leaves out what is due meanwhile', async () => {
      holdOpen();
      await create('skipping', 'skip', '@every 3s');
      await heldSince(api.done['held'] ?? 0);
      await until('two more were due', async () => (await infoOf('skipping')).numActionsSkippedOverlap >= 2);
      expect(await runsOf('skipping')).toMatchObject([{ status: 'RUNNING' }]);
      expect(await madeBy('skipping')).toEqual([]);
      expect(await hold('schedule pause skipping')).toMatchObject({ code: 0 });
      letGo();
      await until('the run has ended', async () => (await runsOf('skipping'))[0]?.status !== 'RUNNING');
      const runs = await runsOf('skipping');
      expect(runs).toMatchObject([{ status: 'COMPLETED' }]);
      expect(await madeBy('skipping')).toEqual(runs.map(({ backup }) => backup));
    });

    it('buffer-one lets one wait, and drops a third', async () => {
      holdOpen();
      const before = api.done['held'] ?? 0;
      await create('buffering', 'buffer-one', '@yearly');
      expect(await hold('schedule trigger buffering')).toMatchObject({ code: 0 });
      await heldSince(before);
      const more = [hold('schedule trigger buffering'), delay(1_500).then(() => hold('schedule trigger buffering'))];
      await until('the third was dropped', async () => (await infoOf('buffering')).numActionsSkippedOverlap >= 1);
      expect(await runsOf('buffering')).toMatchObject([{ status: 'RUNNING' }]);
      letGo();
      for (const { code } of await Promise.all(more)) expect(code).toBe(0);
      await until('both have ended', async () => {
        const runs = await runsOf('buffering');
        return runs.length > 1 && runs.every(({ status: ended }) => ended !== 'RUNNING');
      });
      await delay(1_000);
      const runs = await runsOf('buffering');
      expect(runs).toMatchObject([{ status: 'COMPLETED' }, { status: 'COMPLETED' }]);
      expect(await madeBy('buffering')).toEqual(runs.map(({ backup }) => backup));
    });

    it('cancel ends the one that is going on, with nothing half-made, for the next', async () => {
      holdOpen();
      const before = api.done['held'] ?? 0;
      await create('cancelling', 'cancel', '@yearly');
      expect(await hold('schedule trigger cancelling')).toMatchObject({ code: 0 });
      await heldSince(before);
      const next = hold('schedule trigger cancelling --wait');
      await until('the first has ended', async () => (await runsOf('cancelling'))[0]?.status !== 'RUNNING');
      letGo();
      expect(await next).toMatchObject({ code: 0 });
      const runs = await runsOf('cancelling');
      expect(runs).toMatchObject([{ status: 'CANCELLED' }, { status: 'COMPLETED' }]);
      expect(await madeBy('cancelling')).toEqual([runs[1]?.backup]);
      expect(await hold(`backup describe ${runs[0]?.backup}`)).toMatchObject({ code: 5, stdout: expect.stringMatching(/cancel/i) });
      expect(await hold('repository check --read-data')).toMatchObject({ code: 0 });
    });

    it('catch-up window, jitter and overlap are those of the schedule on the server', async () => {
      const words = 'schedule create tuned --paused -n scheduled --overlap buffer-one --catch-up 2h --jitter 90s --context held --schedule';
      expect(await place.run([...words.split(' '), '@every 6h'], { KUBECONFIG: kubeconfig })).toMatchObject({ code: 0 });
      const client = await place.client();
      const { policies, spec, state } = await client.schedule.getHandle(scheduleId('tuned')).describe();
      expect([policies.overlap, policies.catchupWindow, spec.jitter, state.paused]).toEqual(['BUFFER_ONE', 7_200_000, 90_000, true]);
      expect((await hold('schedule describe tuned')).stdout).toMatch(/buffer/i);
    });
  });
});
