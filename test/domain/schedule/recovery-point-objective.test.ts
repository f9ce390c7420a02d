import { describe, expect, it } from '@jest/globals';
import { parseSchedule } from '../../../domain/schedule/expression.ts';
import { bySeverity, longestIntervalSeconds, rpoStatus, type RpoInput } from '../../../domain/schedule/recovery-point-objective.ts';

const HOUR = 3_600;
const DAILY = parseSchedule('30 2 * * *');
const status = (more: Partial<RpoInput> = {}) =>
  rpoStatus({ expression: DAILY, createdAt: '2026-11-01T00:00:00Z', paused: false, now: '2026-11-20T12:00:00Z', ...more });

describe('the longest interval', () => {
  it.each([
    ['30 2 * * *', 24],
    ['0 * * * *', 1],
    ['*/5 * * * *', 1 / 12],
    ['*/5 9-17 * * *', 24 - 8 - 55 / 60],
    ['0 2 * * MON-FRI', 72],
    ['0 2 * * MON', 168],
    ['0 0 1 * *', 31 * 24],
    ['0 0 1 1 *', 366 * 24],
    ['0 0 29 2 *', (4 * 365 + 1) * 24],
    ['0 0,1 * * *', 23],
    ['@every 6h/90m', 6],
  ])('of %s is %d h', (text, hours) => {
    expect(longestIntervalSeconds(parseSchedule(text))).toBeCloseTo(hours * HOUR, 6);
  });
});

describe('the recovery point objective', () => {
  it('is the age of the newest good backup against twice the longest interval', () => {
    expect(status({ lastGoodAt: '2026-11-20T02:31:00Z' })).toMatchObject({
      rpoNowSeconds: 9 * HOUR + 29 * 60,
      targetSeconds: 48 * HOUR,
      overdue: false,
    });
    expect(status({ lastGoodAt: '2026-11-18T11:59:59Z' })).toMatchObject({ overdue: true });
    expect(status({ lastGoodAt: '2026-11-18T12:00:00Z' })).toMatchObject({ overdue: false });
    expect(status({ lastGoodAt: '2026-11-20T10:00:00Z', targetSeconds: HOUR })).toMatchObject({ targetSeconds: HOUR, overdue: true });
  });

  it('counts from the making of a schedule that never had a good one', () => {
    expect(status()).toMatchObject({ rpoNowSeconds: null, overdue: true });
    expect(status({ createdAt: '2026-11-20T00:00:00Z' })).toMatchObject({ rpoNowSeconds: null, overdue: false });
  });

  it('takes a clock that is behind for no age at all', () => {
    expect(status({ lastGoodAt: '2026-11-21T00:00:00Z' })).toMatchObject({ rpoNowSeconds: 0, overdue: false });
  });

  it('lists the worst first', () => {
    const named = {
      never: status(),
      far: status({ lastGoodAt: '2026-11-02T00:00:00Z' }),
      near: status({ lastGoodAt: '2026-11-17T00:00:00Z' }),
      pausedOverdue: status({ lastGoodAt: '2026-11-02T00:00:00Z', paused: true }),
      older: status({ lastGoodAt: '2026-11-19T00:00:00Z' }),
      fresh: status({ lastGoodAt: '2026-11-20T11:00:00Z' }),
      paused: status({ lastGoodAt: '2026-11-20T11:00:00Z', paused: true }),
    };
    const order = Object.entries(named)
      .reverse()
      .sort(([, a], [, b]) => bySeverity(a, b))
      .map(([name]) => name);
    expect(order).toEqual(['never', 'far', 'near', 'pausedOverdue', 'older', 'fresh', 'paused']);
  });
});
