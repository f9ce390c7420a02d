import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunScheduleInput, RunScheduleResult } from '../../contracts/schedule.ts';
import { applyRetention, type RecoveryPoint } from '../../domain/retention/retention.ts';
import { parseSchedule } from '../../domain/schedule/expression.ts';
import { nextRuns } from '../../domain/schedule/next-runs.ts';
import { plan, SCHEDULED, scheduleActivities } from '../support/fake-activities.ts';
import { startTimeSkippingTemporal, type TimeSkipping } from '../support/time-skipping.ts';

const RETENTION = { keepLast: 2, keepDaily: 7, keepWeekly: 4 };
const NIGHTLY: RunScheduleInput = {
  ...SCHEDULED,
  action: { type: 'backup', selection: { ...plan().selection }, labels: {}, retention: RETENTION },
};

/**
 * Temporal's time-skipping server has no Schedules, so the test starts each turn when the schedule's own reckoning says that it is due; that
 * Temporal reckons the same is shown by test/integration/schedule-times.test.ts. No turn fails here: that server skips ten years when a child run
 * fails, so test/workflows/run-schedule.test.ts shows the retries.
 */
describe('a month of a nightly schedule', () => {
  const catalogue: RecoveryPoint[] = [];
  let time: TimeSkipping;

  beforeAll(async () => {
    time = await startTimeSkippingTemporal(
      scheduleActivities({
        commitBackup: ({ backup, result }) => {
          catalogue.push({
            name: backup.name,
            sequence: catalogue.length + 1,
            completedAt: result.completedAt,
            phase: 'Completed',
            cluster: { uid: 'u', name: 'c' },
            schedule: backup.schedule ?? '',
          });
          return Promise.resolve({ sequence: catalogue.length });
        },
        pruneBackups: async ({ policy }) => {
          const removed = applyRetention(catalogue, policy, await time.now()).filter(({ action }) => action === 'remove');
          for (const { point } of removed) catalogue.splice(catalogue.indexOf(point), 1);
          return removed.map(({ point }) => point.name);
        },
      }),
    );
  }, 240_000);
  afterAll(() => time.stop(), 60_000);

  it('makes every backup in its night, and keeps what retention says, in seconds', async () => {
    const began = performance.now();
    const due = nextRuns(parseSchedule('30 2 * * *'), await time.now(), 31);
    const results: RunScheduleResult[] = [];
    for (const at of due) {
      await time.skipTo(at);
      results.push((await time.execute('runSchedule', NIGHTLY)) as RunScheduleResult);
    }
    expect(results.every(({ phase }) => phase === 'Completed')).toBe(true);
    // Seven days, and the newest of each of the four weeks that the last seven days begin in or follow.
    const made = results.map(({ backup }) => backup?.name ?? '');
    // The name has the second at which it began: on a busy machine real time goes on between the skip and that.
    expect(made.map((name) => name.slice(0, -2))).toEqual(due.map((at) => `nightly-${at.slice(0, 10).replaceAll('-', '')}-0230`));
    const kept = catalogue.map(({ name }) => name);
    expect(kept.slice(-7)).toEqual(made.slice(-7));
    expect(kept.length).toBeGreaterThanOrEqual(9);
    expect(kept.length).toBeLessThanOrEqual(10);
    const weeks = new Set(catalogue.map(({ completedAt }) => Math.floor((Date.parse(completedAt) / 86_400_000 + 3) / 7)));
    expect(weeks.size).toBe(4);
    expect(results.flatMap(({ removed }) => removed)).toHaveLength(31 - kept.length);
    expect(Date.parse(due[30] ?? '') - Date.parse(due[0] ?? '')).toBe(30 * 86_400_000);
    expect(performance.now() - began).toBeLessThan(120_000);
  });
});
