import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseSchedule } from '../../../domain/schedule/expression.ts';
import { nextRuns } from '../../../domain/schedule/next-runs.ts';

const runs = (text: string, after: string, count: number) => nextRuns(parseSchedule(text), after, count);

describe('the next runs', () => {
  it.each([
    ['30 2 * * *', '2026-11-20T02:30:00Z', ['2026-11-21T02:30:00Z', '2026-11-22T02:30:00Z']],
    ['30 2 * * *', '2026-11-20T02:29:59.999Z', ['2026-11-20T02:30:00Z', '2026-11-21T02:30:00Z']],
    ['0 0 31 * *', '2026-01-31T00:00:00Z', ['2026-03-31T00:00:00Z', '2026-05-31T00:00:00Z']],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z']],
    ['59 23 31 12 *', '2026-12-31T23:58:00Z', ['2026-12-31T23:59:00Z', '2027-12-31T23:59:00Z']],
    // Either day: the 1st (a Friday) and Mondays.
    ['0 3 1 * MON', '2027-01-01T00:00:00Z', ['2027-01-01T03:00:00Z', '2027-01-04T03:00:00Z']],
    ['0 3 * * MON', '2027-01-01T00:00:00Z', ['2027-01-04T03:00:00Z', '2027-01-11T03:00:00Z']],
    ['0 0 1-31 * MON', '2027-01-01T00:00:00Z', ['2027-01-02T00:00:00Z', '2027-01-03T00:00:00Z']],
    ['0 0 */10 * MON', '2027-01-01T00:00:00Z', ['2027-01-04T00:00:00Z', '2027-01-11T00:00:00Z']],
    ['@every 6h', '2026-11-20T06:00:00Z', ['2026-11-20T12:00:00Z', '2026-11-20T18:00:00Z']],
    ['@every 6h/90m', '2026-11-20T00:00:00Z', ['2026-11-20T01:30:00Z', '2026-11-20T07:30:00Z']],
    ['TZ=Pacific/Kiritimati 0 0 * * *', '2026-11-20T00:00:00Z', ['2026-11-20T10:00:00Z', '2026-11-21T10:00:00Z']],
    ['TZ=Etc/GMT+12 0 23 * * *', '2026-11-20T00:00:00Z', ['2026-11-20T11:00:00Z', '2026-11-21T11:00:00Z']],
  ])('%s after %s', (text, after, expected) => {
    expect(runs(text, after, expected.length)).toEqual(expected);
  });

  it('leaves out local times that do not exist', () => {
    expect(runs('TZ=Europe/Berlin 30 2 * * *', '2027-03-27T00:00:00Z', 2)).toEqual(['2027-03-27T01:30:00Z', '2027-03-29T00:30:00Z']);
    expect(runs('TZ=America/New_York 30 2 * * *', '2027-03-13T00:00:00Z', 2)).toEqual(['2027-03-13T07:30:00Z', '2027-03-15T06:30:00Z']);
    // Midnight does not exist there on that day.
    expect(runs('TZ=Africa/Cairo 0 0 * * *', '2026-04-22T12:00:00Z', 3)).toEqual([
      '2026-04-22T22:00:00Z',
      '2026-04-24T21:00:00Z',
      '2026-04-25T21:00:00Z',
    ]);
  });

  it('follows the server at local times that come twice', () => {
    expect(runs('TZ=America/New_York 30 1 * * *', '2026-10-31T12:00:00Z', 3)).toEqual([
      '2026-11-01T05:30:00Z',
      '2026-11-01T06:30:00Z',
      '2026-11-02T06:30:00Z',
    ]);
    expect(runs('TZ=Europe/Berlin 30 2 * * *', '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']);
    expect(runs('TZ=Europe/Berlin 30 1 * * *', '2026-10-24T12:00:00Z', 3)).toEqual([
      '2026-10-24T23:30:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T00:30:00Z',
    ]);
  });

  it.each(['Europe/Berlin', 'Europe/London', 'Australia/Sydney', 'America/New_York', 'Asia/Kolkata'])(
    'goes on evenly through all changes of the clocks of %s when every hour is meant',
    (zone) => {
      const hourly = runs(`TZ=${zone} 10 * * * *`, '2026-01-01T00:00:00Z', 9_000).map((run) => Date.parse(run));
      expect(hourly.every((run, index) => index === 0 || run - (hourly[index - 1] ?? 0) === 3_600_000)).toBe(true);
    },
  );

  it('is what the wall shows, west of Greenwich and where clocks do not change', () => {
    const zones = ['UTC', 'America/New_York', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia', 'America/Havana'];
    const field = (max: number) => fc.oneof(fc.constant('*'), fc.integer({ min: 0, max }).map(String));
    const start = fc.integer({ min: Date.parse('2025-01-01T00:00:00Z') / 60_000, max: Date.parse('2028-01-01T00:00:00Z') / 60_000 });
    const clocks = new Map(
      zones.map((zone) => [
        zone,
        new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', hour: '2-digit', minute: '2-digit' }),
      ]),
    );
    fc.assert(
      fc.property(field(59), field(23), fc.constantFrom(...zones), start, (minute, hour, zone, startMinute) => {
        const found = runs(`TZ=${zone} ${minute} ${hour} * * *`, new Date(startMinute * 60_000).toISOString(), 3);
        const end = Date.parse(found[2] ?? '');
        const expected: string[] = [];
        for (let at = (startMinute + 1) * 60_000; at <= end; at += 60_000) {
          const [h = '', m = ''] = clocks.get(zone)?.format(at).split(':') ?? [];
          if ((minute === '*' || Number(m) === Number(minute)) && (hour === '*' || Number(h) === Number(hour))) {
            expected.push(new Date(at).toISOString().replace('.000', ''));
          }
        }
        expect(found).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('refuses a start that is no time', () => {
    expect(() => runs('@daily', 'tomorrow', 1)).toThrow('"tomorrow" is not a time');
  });
});
