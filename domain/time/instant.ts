import { civilDate, dayNumber, daysInMonth } from './civil-date.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(\.\d+)?(?:Z|([+-]\d\d):(\d\d))$/;

/** Milliseconds since 1970 of an ISO-8601 time with a zone; undefined when the text is none. The pure counterpart of Date.parse. */
export function parseInstant(text: string): number | undefined {
  const match = ISO.exec(text);
  if (!match) return undefined;
  const group = (index: number): number => Number(match[index] ?? 0);
  const date = { year: group(1), month: group(2), day: group(3) };
  if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > daysInMonth(date.year, date.month)) return undefined;
  const offset = group(8) * 60 + (match[8]?.startsWith('-') === true ? -1 : 1) * group(9);
  const minutes = (dayNumber(date) * 24 + group(4)) * 60 + group(5) - offset;
  return minutes * 60_000 + group(6) * 1_000 + Math.floor(group(7) * 1_000);
}

/** ISO-8601 in UTC, to the second: `2026-11-20T02:00:00Z`. */
export function printInstant(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000);
  const day = Math.floor(seconds / 86_400);
  const rest = seconds - day * 86_400;
  return `${printDay(day)}T${two(Math.floor(rest / 3_600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}Z`;
}

/** `2026-11-20` */
export function printDay(dayNumberSinceEpoch: number): string {
  const { year, month, day } = civilDate(dayNumberSinceEpoch);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

export function two(value: number): string {
  return String(value).padStart(2, '0');
}
