import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until } from '../support/raw-api.ts';

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
});
