import { describe, expect, it } from '@jest/globals';
import type { RetentionPolicy } from '../../../contracts/retention.ts';
import { applyRetention } from '../../../domain/retention/retention.ts';
import { kept, NOW, partial, point, why } from './samples.ts';

/** One good backup at 01:00 of each of some days of November 2026. */
const daily = (...days: number[]) => days.map((day) => point(`2026-11-${String(day).padStart(2, '0')}T01:00:00Z`));
const dayOf = (name: string) => Number(name.slice(8, 10));

describe('what stays', () => {
  it('decides the example of the documentation', () => {
    const points = [
      partial('2026-11-20T02:00:00Z'),
      point('2026-11-20T01:00:00Z'),
      partial('2026-11-19T01:00:00Z'),
      point('2026-11-18T01:00:00Z'),
      point('2026-11-13T01:00:00Z'),
      point('2026-11-06T01:00:00Z'),
    ];
    expect(why(points, { keepLast: 1, keepDaily: 2, keepWeekly: 2 })).toEqual({
      '2026-11-20T02:00:00Z': ['no rule keeps it'],
      '2026-11-20T01:00:00Z': ['last good backup of schedule nightly', 'last 1 of 1', 'daily 2026-11-20', 'weekly 2026-W47'],
      '2026-11-19T01:00:00Z': ['daily 2026-11-19'],
      '2026-11-18T01:00:00Z': ['no rule keeps it'],
      '2026-11-13T01:00:00Z': ['weekly 2026-W46'],
      '2026-11-06T01:00:00Z': ['no rule keeps it'],
    });
  });

  it.each<[string, RetentionPolicy, number[]]>([
    ['last', { keepLast: 3 }, [20, 19, 17]],
    ['daily counts days with a backup', { keepDaily: 4 }, [20, 19, 17, 10]],
    ['weekly', { keepWeekly: 3 }, [20, 10, 8]],
    ['monthly', { keepMonthly: 5 }, [20]],
    ['within', { keepWithin: '10d' }, [20, 19, 17, 10]],
    ['within and weekly', { keepWithin: '2d', keepWeekly: 2 }, [20, 19, 10]],
  ])('%s', (_, policy, days) => {
    expect(kept(daily(20, 19, 17, 10, 9, 8, 2), policy).map(dayOf)).toEqual(days);
  });

  it('fills last with good ones, and with partially failed ones only when there are too few', () => {
    const points = [
      partial('2026-11-20T04:00:00Z'),
      partial('2026-11-20T03:00:00Z'),
      point('2026-11-20T02:00:00Z'),
      point('2026-11-20T01:00:00Z'),
    ];
    expect(kept(points, { keepLast: 2 })).toEqual(['2026-11-20T02:00:00Z', '2026-11-20T01:00:00Z']);
    expect(kept(points, { keepLast: 3 })).toEqual(['2026-11-20T04:00:00Z', '2026-11-20T02:00:00Z', '2026-11-20T01:00:00Z']);
  });

  it('prefers a good one over any number of later partially failed ones of the same period', () => {
    const points = [
      partial('2026-11-19T23:00:00Z'),
      partial('2026-11-19T22:00:00Z'),
      point('2026-11-19T00:30:00Z'),
      point('2026-11-20T00:30:00Z'),
    ];
    expect(kept(points, { keepDaily: 2 })).toEqual(['2026-11-20T00:30:00Z', '2026-11-19T00:30:00Z']);
  });

  it('keeps nothing but partially failed ones by the rules when there is no good one', () => {
    expect(kept([partial('2026-11-20T01:00:00Z'), partial('2026-11-19T01:00:00Z')], { keepLast: 1 })).toEqual(['2026-11-20T01:00:00Z']);
  });

  it('judges clusters and schedules by themselves', () => {
    const points = [
      point('2026-11-20T01:00:00Z'),
      point('2026-10-01T01:00:00Z', { schedule: 'monthly' }),
      point('2026-09-01T01:00:00Z', { cluster: { uid: 'other', name: 'c' } }),
      { ...point('2026-08-01T01:00:00Z'), schedule: undefined } as unknown as ReturnType<typeof point>,
      point('2026-07-01T01:00:00Z'),
    ];
    expect(why(points, { keepLast: 1 })).toMatchObject({
      '2026-10-01T01:00:00Z': ['last good backup of schedule monthly', 'last 1 of 1'],
      '2026-09-01T01:00:00Z': ['last good backup of schedule nightly', 'last 1 of 1'],
      '2026-08-01T01:00:00Z': ['last good backup of cluster c without a schedule', 'last 1 of 1'],
      '2026-07-01T01:00:00Z': ['no rule keeps it'],
    });
  });

  it('takes one cluster under two names for one', () => {
    const points = [point('2026-11-20T01:00:00Z'), point('2026-11-19T01:00:00Z', { cluster: { uid: 'u', name: 'renamed' } })];
    expect(kept(points, { keepLast: 1 })).toEqual(['2026-11-20T01:00:00Z']);
  });
});

describe('what never goes', () => {
  it('is held', () => {
    const points = [...daily(20, 19), point('2020-01-01T00:00:00Z', { held: 'audit', expiresAt: '2021-01-01T00:00:00Z' })];
    expect(why(points, { keepLast: 1 })['2020-01-01T00:00:00Z']).toEqual(['held: audit']);
    expect(kept([...daily(20), point('2020-01-01T00:00:00Z', { held: '' })], { keepLast: 1 })).toHaveLength(2);
  });

  it('is the last good one, expired or not, however many partially failed ones came after', () => {
    const points = [
      partial('2026-11-20T01:00:00Z'),
      partial('2026-11-19T01:00:00Z'),
      point('2020-01-01T00:00:00Z', { expiresAt: '2020-02-01T00:00:00Z' }),
    ];
    expect(why(points, { keepDaily: 1 })['2020-01-01T00:00:00Z']).toEqual(['last good backup of schedule nightly']);
    expect(why(points, {})['2020-01-01T00:00:00Z']).toEqual(['last good backup of schedule nightly']);
  });

  it('is dated in the future, and does not stand in for one of today', () => {
    const points = [point('2030-01-01T00:00:00Z'), ...daily(20, 19)];
    expect(why(points, { keepLast: 1 })).toEqual({
      '2030-01-01T00:00:00Z': ['its time is in the future'],
      '2026-11-20T01:00:00Z': ['last good backup of schedule nightly', 'last 1 of 1'],
      '2026-11-19T01:00:00Z': ['no rule keeps it'],
    });
    expect(kept(daily(20, 19, 18), { keepLast: 1 }, '1970-01-01T00:00:00Z')).toHaveLength(3);
  });

  it('is of a time that cannot be read', () => {
    expect(why([point('soon'), ...daily(20)], { keepLast: 1 })['soon']).toEqual(['its time cannot be read']);
  });

  it('is anything, when the policy has no rule and nothing has expired', () => {
    expect(why(daily(20, 2), {})).toMatchObject({ '2026-11-02T01:00:00Z': ['no rule removes it'] });
  });
});

describe('times to live', () => {
  const points = [
    ...daily(20),
    point('2026-11-10T00:00:00Z', { expiresAt: '2026-11-20T12:00:00Z' }),
    point('2026-11-09T00:00:00Z', { expiresAt: '2026-11-20T12:00:01Z' }),
    point('2026-11-08T00:00:00Z', { expiresAt: '2026-11-15T00:00:00.000Z' }),
  ];

  it('remove when they are over, without any rule', () => {
    expect(why(points, {})).toMatchObject({
      '2026-11-10T00:00:00Z': ['expired 2026-11-20T12:00:00Z'],
      '2026-11-09T00:00:00Z': ['not expired until 2026-11-20T12:00:01Z'],
      '2026-11-08T00:00:00Z': ['expired 2026-11-15T00:00:00.000Z'],
    });
    expect(kept(points, {})).toEqual(['2026-11-20T01:00:00Z', '2026-11-09T00:00:00Z']);
  });

  it('do not remove what a rule keeps, and keep what no rule does', () => {
    expect(why(points, { keepLast: 2 })).toMatchObject({
      '2026-11-10T00:00:00Z': ['last 2 of 2'],
      '2026-11-09T00:00:00Z': ['not expired until 2026-11-20T12:00:01Z'],
      '2026-11-08T00:00:00Z': ['expired 2026-11-15T00:00:00.000Z'],
    });
  });

  it('keep when they cannot be read', () => {
    expect(kept([...daily(20), point('2026-01-01T00:00:00Z', { expiresAt: 'never' })], {})).toHaveLength(2);
  });
});

describe('periods', () => {
  const labels = (times: readonly string[], policy: RetentionPolicy, now = '2030-01-01T00:00:00Z') =>
    Object.values(
      why(
        times.map((time) => point(time)),
        policy,
        now,
      ),
    ).map((reasons) => reasons.at(-1));

  it('has ISO weeks and their years', () => {
    const times = ['2027-01-04T00:00:00Z', '2027-01-03T23:59:59Z', '2027-01-01T00:00:00Z', '2026-12-28T00:00:00Z', '2026-12-27T23:59:59Z'];
    expect(labels(times, { keepWeekly: 9 })).toEqual([
      'weekly 2027-W01',
      'weekly 2026-W53',
      'no rule keeps it',
      'no rule keeps it',
      'weekly 2026-W52',
    ]);
    expect(labels(times, { keepYearly: 9 })).toEqual([
      'yearly 2027',
      'no rule keeps it',
      'no rule keeps it',
      'yearly 2026',
      'no rule keeps it',
    ]);
    expect(labels(times, { keepMonthly: 9 })).toEqual([
      'monthly 2027-01',
      'no rule keeps it',
      'no rule keeps it',
      'monthly 2026-12',
      'no rule keeps it',
    ]);
  });

  it('begins and ends days in the time zone of the policy', () => {
    const times = ['2026-11-20T05:00:00Z', '2026-11-20T04:59:59Z'];
    expect(labels(times, { keepDaily: 9, timeZone: 'America/New_York' })).toEqual(['daily 2026-11-20', 'daily 2026-11-19']);
    expect(labels(times, { keepDaily: 9 })).toEqual(['daily 2026-11-20', 'no rule keeps it']);
  });

  it('has days of 23 and of 25 hours', () => {
    const timeZone = 'Europe/Berlin';
    // 2026-10-25 lasts from 22:00Z the day before to 23:00Z; 2027-03-28 from 23:00Z to 22:00Z.
    expect(
      labels(['2026-10-25T23:00:00Z', '2026-10-25T22:59:59Z', '2026-10-24T22:00:00Z', '2026-10-24T21:59:59Z'], { keepDaily: 9, timeZone }),
    ).toEqual(['daily 2026-10-26', 'daily 2026-10-25', 'no rule keeps it', 'daily 2026-10-24']);
    expect(
      labels(['2027-03-28T22:00:00Z', '2027-03-28T21:59:59Z', '2027-03-27T23:00:00Z', '2027-03-27T22:59:59Z'], { keepDaily: 9, timeZone }),
    ).toEqual(['daily 2027-03-29', 'daily 2027-03-28', 'no rule keeps it', 'daily 2027-03-27']);
  });

  it('counts both hours of the name that comes twice', () => {
    const times = ['2026-10-25T01:30:00Z', '2026-10-25T01:10:00Z', '2026-10-25T00:30:00Z', '2026-10-24T23:30:00Z'];
    expect(labels(times, { keepHourly: 9, timeZone: 'Europe/Berlin' })).toEqual([
      'hourly 2026-10-25 02:00+01:00',
      'no rule keeps it',
      'hourly 2026-10-25 02:00+02:00',
      'hourly 2026-10-25 01:00+02:00',
    ]);
  });

  it.each([
    ['30d', '2026-10-21T01:00:00Z', '2026-10-21T00:59:59Z'],
    ['1m', '2026-10-20T01:00:00Z', '2026-10-20T00:59:59Z'],
    ['1y', '2025-11-20T01:00:00Z', '2025-11-20T00:59:59Z'],
    ['2w', '2026-11-06T01:00:00Z', '2026-11-06T00:59:59Z'],
    ['2y5m7d3h', '2024-06-12T22:00:00Z', '2024-06-12T21:59:59Z'],
    ['36h', '2026-11-18T13:00:00Z', '2026-11-18T12:59:59Z'],
  ])('--keep-within %s counts back from the newest good one', (keepWithin, inside, outside) => {
    expect(kept([...daily(20), point(inside), point(outside), partial('2026-11-20T11:00:00Z')], { keepWithin })).toEqual([
      '2026-11-20T11:00:00Z',
      '2026-11-20T01:00:00Z',
      inside,
    ]);
  });

  it('counts days of --keep-within by the calendar of the zone', () => {
    // Two days before 01:00 on 26 October in Berlin is 01:00 on the 24th there, 49 hours earlier.
    const points = ['2026-10-26T00:00:00Z', '2026-10-23T23:00:00Z', '2026-10-23T22:59:59Z'].map((time) => point(time));
    expect(kept(points, { keepWithin: '2d', timeZone: 'Europe/Berlin' })).toHaveLength(2);
    expect(kept(points, { keepWithin: '2d' })).toHaveLength(1);
  });

  it('does not let a month run out when backups cease', () => {
    expect(kept([point('2025-01-02T00:00:00Z'), point('2025-01-01T00:00:00Z')], { keepWithin: '30d' })).toHaveLength(2);
  });
});

describe('wrong policies', () => {
  it.each<[RetentionPolicy, string]>([
    [{ keepLast: 0 }, '--keep-last'],
    [{ keepDaily: -1 }, '--keep-daily'],
    [{ keepYearly: 1.5 }, '--keep-yearly'],
    [{ keepWithin: '30' }, '--keep-within "30"'],
    [{ keepWithin: '1d1d' }, '--keep-within'],
    [{ keepWithin: '0d' }, '--keep-within'],
    [{ keepWithin: '30 days' }, '--keep-within'],
    [{ keepWithin: '-3d' }, '--keep-within'],
    [{ keepDaily: 1, timeZone: 'PST' }, 'time zone "PST"'],
  ])('%j is refused by name', (policy, says) => {
    expect(() => applyRetention(daily(20), policy, NOW)).toThrow(
      expect.objectContaining({ type: 'BadInput', message: expect.stringContaining(says) as unknown }),
    );
  });

  it('refuses a now that is no time', () => {
    expect(() => applyRetention([], {}, 'now')).toThrow('"now" is not a time');
  });
});
