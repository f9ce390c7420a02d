import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { parseSchedule } from '../../domain/schedule/expression.ts';
import { nextRuns } from '../../domain/schedule/next-runs.ts';
import { temporalTimes } from '../../domain/schedule/temporal-spec.ts';
import { startTestTemporal } from '../support/sandbox-env.ts';

/** What `nextRuns` promises is what Temporal's server does: the times of both are compared, around changes of the clocks above all. */
const SERVER_LISTS = 10;
const SPRING = '2040-03-09T00:00:00Z';
const SUMMER_ENDS = '2040-10-26T00:00:00Z';

const CASES: readonly (readonly [expression: string, startAt: string])[] = [
  ['30 2 * * *', SUMMER_ENDS],
  ['0 3 1 * MON', SUMMER_ENDS],
  ['0 0 */2 * MON', SUMMER_ENDS],
  ['0 0 1-31 * MON', SUMMER_ENDS],
  ['0 0 ? * SUN', SUMMER_ENDS],
  ['0 0 * * 5-7', SUMMER_ENDS],
  ['0 0 29 2 *', SUMMER_ENDS],
  ['0 0 31 * *', SUMMER_ENDS],
  ['5/15 9-17 1,15 jan-mar *', SUMMER_ENDS],
  ['@weekly', SUMMER_ENDS],
  ['@yearly', SUMMER_ENDS],
  ['@every 90m', SUMMER_ENDS],
  ['@every 36h/7h', SUMMER_ENDS],
  ['TZ=Europe/Berlin 30 2 * * *', SUMMER_ENDS],
  ['TZ=Europe/Berlin 30 2 * * *', '2040-03-23T00:00:00Z'],
  ['TZ=Europe/Berlin 30 1 * * *', SUMMER_ENDS],
  ['TZ=Europe/Berlin */20 1-4 * * *', '2040-10-27T20:00:00Z'],
  ['TZ=Europe/Berlin */20 1-4 28 * MON', '2040-10-27T20:00:00Z'],
  ['TZ=Europe/Berlin */20 * * * *', '2040-10-27T23:30:00Z'],
  ['TZ=Europe/Berlin */20 * * * *', '2040-10-28T00:30:00Z'],
  ['TZ=Europe/Berlin 0 */3 * * *', '2040-03-24T12:00:00Z'],
  ['TZ=Europe/London 30 1 * * *', SUMMER_ENDS],
  ['TZ=America/New_York 15 1 * * *', '2040-11-02T00:00:00Z'],
  ['TZ=America/New_York 30 2 * * *', SPRING],
  ['TZ=America/New_York 0,30 1-3 * * SUN', '2040-11-03T00:00:00Z'],
  ['TZ=America/St_Johns 0 2 * * *', SPRING],
  ['TZ=Africa/Cairo 0 0 * * *', '2040-04-24T00:00:00Z'],
  ['TZ=Asia/Kolkata 0 0 1 * *', SUMMER_ENDS],
  ['TZ=Asia/Kathmandu 45 23 * * FRI', SUMMER_ENDS],
  ['TZ=Pacific/Kiritimati 0 0 31 12 *', SUMMER_ENDS],
  ['TZ=Australia/Sydney 0,30 * * * *', '2040-03-31T14:00:00Z'],
  ['TZ=America/New_York 0,30 * * * *', '2040-11-04T04:00:00Z'],
  ['TZ=Europe/London 0,30 * * * *', '2040-10-27T23:00:00Z'],
  ['TZ=Australia/Lord_Howe */15 * * * *', '2040-03-31T14:00:00Z'],
  ['TZ=Australia/Lord_Howe 45 1 * * *', '2040-03-30T14:00:00Z'],
  ['TZ=Australia/Lord_Howe 15 2 * * *', '2040-10-05T00:00:00Z'],
  ['TZ=Africa/Cairo 30 23 * * *', '2040-10-24T00:00:00Z'],
  ['TZ=Africa/Cairo 0,30 * * * *', '2040-10-25T19:00:00Z'],
  ['TZ=America/Havana 30 0 * * *', '2040-11-02T00:00:00Z'],
  ['TZ=America/Havana 30 0 * * *', '2040-03-09T00:00:00Z'],
  ['TZ=Atlantic/Azores 30 0 * * *', '2040-10-26T00:00:00Z'],
  ['TZ=Australia/Sydney 30 2 * * *', '2040-03-30T00:00:00Z'],
];
const NOW_CASES = ['*/7 * * * *', '0 3 1 * MON', 'TZ=Europe/Berlin 30 2 * * *', '@every 50m/20m', 'TZ=Asia/Tokyo @monthly'];

describe("runs on Temporal's server", () => {
  let server: Awaited<ReturnType<typeof startTestTemporal>>;
  let client: Client;
  let number = 0;

  beforeAll(async () => {
    server = await startTestTemporal();
    client = new Client({ connection: await Connection.connect({ address: server.address }) });
  }, 120_000);
  afterAll(async () => {
    await client.connection.close();
    await server.stop();
  });

  async function listed(expression: string, startAt?: string): Promise<{ readonly times: string[]; readonly askedAt: number }> {
    const handle = await client.schedule.create({
      scheduleId: `times-${String((number += 1))}`,
      spec: { ...temporalTimes(parseSchedule(expression)), ...(startAt === undefined ? {} : { startAt: new Date(startAt) }) },
      action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none', args: [] },
      state: { paused: true },
    });
    const askedAt = Date.now();
    const { info } = await handle.describe();
    await handle.delete();
    return { times: info.nextActionTimes.map((time) => time.toISOString().replace('.000', '')), askedAt };
  }

  it.each(CASES)('%s from %s', async (expression, startAt) => {
    const { times } = await listed(expression, startAt);
    expect(times).toHaveLength(SERVER_LISTS);
    // The server's first time may be the start itself.
    const after = new Date(Date.parse(startAt) - 1_000).toISOString();
    expect(nextRuns(parseSchedule(expression), after, SERVER_LISTS)).toEqual(times);
  });

  it.each(NOW_CASES)('%s from now', async (expression) => {
    const { times, askedAt } = await listed(expression);
    expect(times.length).toBeGreaterThan(1);
    // The clock may have passed a run between the two calculations.
    const ours = nextRuns(parseSchedule(expression), new Date(askedAt - 5_000).toISOString(), times.length + 1);
    const from = ours.indexOf(times[0] ?? '');
    expect(from === 0 || from === 1).toBe(true);
    expect(ours.slice(from, from + times.length)).toEqual(times);
  });
});
