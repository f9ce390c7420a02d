import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { HoldfastError } from '../../../contracts/failures.ts';
import { parseSchedule, printSchedule } from '../../../domain/schedule/expression.ts';
import { parseCatchUpWindow, parseJitter, parseOverlap, temporalOverlap } from '../../../domain/schedule/run-policies.ts';
import { temporalTimes } from '../../../domain/schedule/temporal-spec.ts';

function problem(work: () => unknown): { message: string; type: string } {
  try {
    work();
  } catch (error) {
    const { message, type } = error as HoldfastError;
    return { message, type };
  }
  return { message: '', type: '' };
}

describe('schedule expressions', () => {
  it.each([
    ['30 2 * * *', '30 2 * * *'],
    ['  30   2  *\t* * ', '30 2 * * *'],
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['@Daily', '0 0 * * *'],
    ['*/15 * * * *', '*/15 * * * *'],
    ['5/15 * * * *', '5-50/15 * * * *'],
    ['0-59/1 * * * *', '* * * * *'],
    ['10-50/20 8-10 * * *', '10-50/20 8-10 * * *'],
    ['0 0 ? * MON', '0 0 * * 1'],
    ['0 0 1,15 jan,JUL ?', '0 0 1,15 1,7 *'],
    ['0 0 * * sun', '0 0 * * 0'],
    ['0 0 * * 7', '0 0 * * 0'],
    ['0 0 * * 5-7', '0 0 * * 0,5,6'],
    ['0 0 * * Mon-Fri', '0 0 * * 1-5'],
    ['0 0 */2 * MON', '0 0 */2 * 1'],
    ['0 0 1-31 * MON', '0 0 1-31 * 1'],
    ['30,0 08 * * *', '0,30 8 * * *'],
    ['0 0 29 2 *', '0 0 29 2 *'],
    ['0 0 31 2 MON', '0 0 31 2 1'],
    ['TZ=Asia/Tokyo 0 3 * * *', 'CRON_TZ=Asia/Tokyo 0 3 * * *'],
    ['CRON_TZ=europe/berlin @daily', 'CRON_TZ=Europe/Berlin 0 0 * * *'],
    ['CRON_TZ=UTC 0 3 * * *', '0 3 * * *'],
    ['@every 1h30m', '@every 1h30m'],
    ['@every 90m', '@every 1h30m'],
    ['@every 1d/10m', '@every 24h/10m'],
    ['@every 1h0m0s', '@every 1h'],
    ['TZ=Asia/Tokyo @every 6h', '@every 6h'],
  ])('%s is %s', (text, canonical) => {
    expect(printSchedule(parseSchedule(text))).toBe(canonical);
    expect(parseSchedule(canonical)).toEqual(parseSchedule(text));
  });

  it('is plain data', () => {
    expect(parseSchedule('CRON_TZ=Europe/Berlin 0 0 ? * MON')).toEqual({
      kind: 'cron',
      expression: '0 0 * * 1',
      timeZone: 'Europe/Berlin',
    });
    expect(parseSchedule('@every 6h/90m')).toEqual({ kind: 'every', seconds: 21_600, phaseSeconds: 5_400 });
  });

  it('takes a time zone beside the expression, and refuses two that differ', () => {
    expect(parseSchedule('0 3 * * *', 'Asia/Tokyo')).toMatchObject({ timeZone: 'Asia/Tokyo' });
    expect(parseSchedule('TZ=Asia/Tokyo 0 3 * * *', 'asia/tokyo')).toMatchObject({ timeZone: 'Asia/Tokyo' });
    expect(problem(() => parseSchedule('TZ=Asia/Tokyo 0 3 * * *', 'UTC')).message).toContain('Asia/Tokyo');
    expect(problem(() => parseSchedule('0 3 * * *', 'Nowhere')).message).toContain('time zone "Nowhere"');
  });

  it.each([
    ['', 'empty'],
    ['61 * * * *', 'minute "61" is not within 0-59'],
    ['-1 * * * *', 'minute "-1"'],
    ['* 24 * * *', 'hour "24" is not within 0-23'],
    ['* * 0 * *', 'day-of-month "0" is not within 1-31'],
    ['* * 32 * *', 'day-of-month "32"'],
    ['* * * 13 *', 'month "13" is not within 1-12'],
    ['* * * foo *', 'month "foo" is no number or a name such as FEB'],
    ['* * * * 8', 'day-of-week "8" is not within 0-7'],
    ['* * * * funday', 'day-of-week "funday"'],
    ['* * mon * *', 'day-of-month "mon"'],
    ['0 0 * * FRI-MON', 'day-of-week "FRI-MON" ends before it begins'],
    ['*/0 * * * *', 'minute "*/0"'],
    ['*/x * * * *', 'minute "*/x"'],
    ['1/2/3 * * * *', 'minute "1/2/3" has more than one "/"'],
    ['1-2-3 * * * *', 'minute "1-2-3" has more than one "-"'],
    ['1,,2 * * * *', 'minute "" lacks a value'],
    ['0 0 L * *', 'day-of-month "L" uses L, W or #'],
    ['0 0 * * 5#2', 'day-of-week "5#2" uses L, W or #'],
    ['0 0 15W * *', 'day-of-month "15W" uses L, W or #'],
    ['0 30 2 * * *', 'has 6 fields and must have 5, without seconds'],
    ['0 30 2 * * * 2027', 'has 7 fields'],
    ['* * * *', 'has 4 fields and must have 5'],
    ['nightly', 'has 1 field and'],
    ['0 0 31 2 *', 'never runs'],
    ['0 0 31 4,6,9,11 *', 'never runs'],
    ['@reboot', '@reboot'],
    ['@every', 'lacks an interval'],
    ['@every 0s', 'at least 1s'],
    ['@every 500ms', 'at least 1s'],
    ['@every 1.5s', 'whole seconds'],
    ['@every -1h', 'interval of @every "-1h"'],
    ['@every soon', 'interval of @every "soon"'],
    ['@every 1h/1h', 'less than its interval'],
    ['@every 1h/x', 'phase of @every "x"'],
    ['@every 1h/1m/1s', 'more than one "/"'],
    ['CRON_TZ=PST 0 0 * * *', 'time zone "PST"'],
    ['CRON_TZ= 0 0 * * *', 'no time zone'],
    ['CRON_TZ=UTC', 'no times'],
  ])('refuses "%s" and says: %s', (text, says) => {
    const { type, message } = problem(() => parseSchedule(text));
    expect({ type, says: message.includes(says) ? says : message }).toEqual({ type: 'BadInput', says });
    expect(message).not.toContain('\n');
  });

  it('answers any text with an expression or one line', () => {
    const word = fc.constantFrom(
      '*',
      '?',
      '*/2',
      '1-5',
      '1,2',
      'MON',
      '7',
      '0',
      '31',
      '@every',
      '1h',
      'TZ=UTC',
      '/',
      '-',
      ',',
      '99999',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 7 }).map((words) => words.join(' ')),
        ),
        (text) => {
          const { type, message } = problem(() => {
            const parsed = parseSchedule(text);
            expect(parseSchedule(printSchedule(parsed))).toEqual(parsed);
          });
          expect(message === '' || (type === 'BadInput' && message.length > 10)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("Temporal's form", () => {
  it('is a calendar whose fields must all match', () => {
    expect(temporalTimes(parseSchedule('TZ=Europe/Berlin 0,30 2-4 * JAN MON-FRI'))).toEqual({
      calendars: [
        {
          minute: [
            { start: 0, end: 0 },
            { start: 30, end: 30 },
          ],
          hour: [{ start: 2, end: 4 }],
          dayOfMonth: '*',
          month: [{ start: 'JANUARY', end: 'JANUARY' }],
          dayOfWeek: [{ start: 'MONDAY', end: 'FRIDAY' }],
        },
      ],
      timezone: 'Europe/Berlin',
    });
  });

  it('is two calendars where either day counts', () => {
    expect(temporalTimes(parseSchedule('0 3 1 * MON'))).toMatchObject({
      calendars: [
        { dayOfMonth: [{ start: 1, end: 1 }], dayOfWeek: '*' },
        { dayOfMonth: '*', dayOfWeek: [{ start: 'MONDAY', end: 'MONDAY' }] },
      ],
    });
    expect(temporalTimes(parseSchedule('0 3 * * MON'))).toMatchObject({ calendars: [{ dayOfMonth: '*' }] });
  });

  it('is an interval in milliseconds', () => {
    expect(temporalTimes(parseSchedule('@every 6h/90m'))).toEqual({ intervals: [{ every: 21_600_000, offset: 5_400_000 }] });
  });

  it.each([
    ['skip', 'SKIP'],
    ['buffer-one', 'BUFFER_ONE'],
    ['cancel', 'CANCEL_OTHER'],
  ])('overlap %s is %s', (ours, theirs) => {
    expect(temporalOverlap(parseOverlap(ours))).toBe(theirs);
  });

  it('refuses other policies with one line', () => {
    expect(problem(() => parseOverlap('allow-all'))).toEqual({ type: 'BadInput', message: 'overlap policy "allow-all" is unknown' });
    expect(problem(() => parseCatchUpWindow('9s')).message).toContain('catch-up window "9s"');
    expect(parseCatchUpWindow('1h30m')).toBe(5_400);
    expect(problem(() => parseJitter('much')).message).toContain('jitter "much"');
    expect(parseJitter('90s')).toBe(90);
  });
});
