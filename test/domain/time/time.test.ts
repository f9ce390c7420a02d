import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { civilDate, dayNumber, dayOfWeek, daysInMonth, isoWeek } from '../../../domain/time/civil-date.ts';
import { parseDuration, printDuration } from '../../../domain/time/duration.ts';
import { parseInstant, printInstant } from '../../../domain/time/instant.ts';
import { canonicalZone, zoneOffset } from '../../../domain/time/zone.ts';

const MS = { min: Date.parse('1900-01-01T00:00:00Z'), max: Date.parse('2199-12-31T23:59:59Z') };

describe('the calendar', () => {
  it('agrees with the one of the language on every day', () => {
    fc.assert(
      fc.property(fc.integer(MS), (milliseconds) => {
        const date = new Date(milliseconds);
        const day = Math.floor(milliseconds / 86_400_000);
        const civil = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
        expect(civilDate(day)).toEqual(civil);
        expect(dayNumber(civil)).toBe(day);
        expect(dayOfWeek(day)).toBe(date.getUTCDay());
        expect(daysInMonth(civil.year, civil.month)).toBe(new Date(Date.UTC(civil.year, civil.month, 0)).getUTCDate());
        expect(printInstant(milliseconds)).toBe(`${new Date(Math.floor(milliseconds / 1_000) * 1_000).toISOString().slice(0, 19)}Z`);
        expect(parseInstant(date.toISOString())).toBe(milliseconds);
      }),
    );
  });

  it.each([
    ['2026-12-31', 2026, 53],
    ['2027-01-01', 2026, 53],
    ['2027-01-03', 2026, 53],
    ['2027-01-04', 2027, 1],
    ['2024-12-29', 2024, 52],
    ['2024-12-30', 2025, 1],
    ['2020-12-31', 2020, 53],
    ['2021-01-01', 2020, 53],
    ['2023-01-01', 2022, 52],
    ['2018-12-31', 2019, 1],
  ])('%s is in ISO week %i-W%i', (text, year, week) => {
    expect(isoWeek(Math.floor(Date.parse(text) / 86_400_000))).toEqual({ year, week });
  });

  it.each([
    ['2026-11-20T02:00:00+01:00', '2026-11-20T01:00:00Z'],
    ['2026-11-20T02:00:00-03:30', '2026-11-20T05:30:00Z'],
    ['2026-11-20T00:00:00.999999Z', '2026-11-20T00:00:00Z'],
  ])('reads %s', (text, utc) => {
    expect(printInstant(parseInstant(text) ?? Number.NaN)).toBe(utc);
  });

  it.each(['', 'yesterday', '2026-02-29T00:00:00Z', '2026-13-01T00:00:00Z', '2026-01-01', '2026-01-01T00:00:00', '2026-01-01T24:00:00Z'])(
    'takes "%s" for no time',
    (text) => {
      expect(parseInstant(text)).toBeUndefined();
    },
  );
});

describe('time zones', () => {
  it.each([
    ['Europe/Berlin', 'Europe/Berlin'],
    ['europe/berlin', 'Europe/Berlin'],
    ['Asia/Kolkata', 'Asia/Kolkata'],
    ['Europe/Kyiv', 'Europe/Kyiv'],
    ['US/Pacific', 'US/Pacific'],
    ['Etc/GMT+5', 'Etc/GMT+5'],
    ['Etc/UTC', 'Etc/UTC'],
    ['utc', 'UTC'],
    ['gmt', 'GMT'],
    ['CET', 'CET'],
    ['EST5EDT', 'EST5EDT'],
    ['America/Port-au-Prince', 'America/Port-au-Prince'],
    ['Australia/NSW', 'Australia/NSW'],
  ])('takes %s as %s', (given, canonical) => {
    expect(canonicalZone(given)).toBe(canonical);
  });

  it.each([
    '',
    'PST',
    'ist',
    'BST',
    '+02:00',
    'Local',
    'Mars/Olympus',
    'asia/kolkata',
    'ASIA/KOLKATA',
    'Cet',
    'SystemV/PST8',
    '../etc/passwd',
  ])('refuses %s', (name) => {
    expect(() => canonicalZone(name)).toThrow(expect.objectContaining({ type: 'BadInput' }));
  });

  it.each([
    ['Europe/Berlin', '2027-03-28T00:59:59Z', 3_600],
    ['Europe/Berlin', '2027-03-28T01:00:00Z', 7_200],
    ['America/St_Johns', '2026-01-01T00:00:00Z', -12_600],
    ['Asia/Kathmandu', '2026-01-01T00:00:00Z', 20_700],
    ['Australia/Lord_Howe', '2026-01-01T00:00:00Z', 39_600],
    ['Australia/Lord_Howe', '2026-06-01T00:00:00Z', 37_800],
    ['UTC', '2026-06-01T00:00:00Z', 0],
    ['Europe/London', '2026-01-01T00:00:00Z', 0],
  ])('%s at %s is %i s ahead of UTC', (zone, at, offset) => {
    expect(zoneOffset(zone, Date.parse(at))).toBe(offset);
  });
});

describe('durations', () => {
  it.each([
    ['90s', 90],
    ['1h30m', 5_400],
    ['1.5h', 5_400],
    ['720h0m0s', 2_592_000],
    ['7d', 604_800],
    ['2w1d', 1_296_000],
    ['500ms', 0.5],
    ['0', 0],
    ['0s', 0],
    [' 1m ', 60],
  ])('%s is %d s', (text, seconds) => {
    expect(parseDuration(text, 'x')).toBe(seconds);
  });

  it.each(['', '10', '-1h', '1h 30m', '1y', 'h', '1.2.3s', '1H', '999999999h'])('refuses "%s" and says for what', (text) => {
    expect(() => parseDuration(text, 'jitter')).toThrow(/^jitter /);
  });

  it('prints what it reads', () => {
    fc.assert(
      fc.property(fc.nat(1e9), (seconds) => {
        expect(parseDuration(printDuration(seconds), 'x')).toBe(seconds);
      }),
    );
  });
});
