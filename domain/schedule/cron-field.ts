import { FailureType, HoldfastError } from '../../contracts/failures.ts';

/** One of the five fields: its name for people, its bounds and its words. */
export interface FieldKind {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Lower case; the first stands for `min`. */
  readonly words: readonly string[];
}

/** The values that match, ascending. */
export interface CronField {
  readonly values: readonly number[];
  /** A plain `*` or `?` is in it: for the days of month and week that means "not restricted". */
  readonly star: boolean;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

export const MINUTE: FieldKind = { name: 'minute', min: 0, max: 59, words: [] };
export const HOUR: FieldKind = { name: 'hour', min: 0, max: 23, words: [] };
export const DAY_OF_MONTH: FieldKind = { name: 'day-of-month', min: 1, max: 31, words: [] };
export const MONTH: FieldKind = { name: 'month', min: 1, max: 12, words: MONTHS };
/** Parsed up to 7, Sunday by its other number; the values have 0 for it. */
export const DAY_OF_WEEK: FieldKind = { name: 'day-of-week', min: 0, max: 6, words: DAYS };

/** Parses a list of `*`, `?`, numbers, names, ranges and steps. `BadInput` names the field. */
export function parseField(text: string, kind: FieldKind): CronField {
  const values = new Set<number>();
  let star = false;
  for (const item of text.split(',')) {
    const part = parseItem(item, kind);
    star ||= part.star;
    for (let value = part.from; value <= part.to; value += part.step) values.add(kind === DAY_OF_WEEK ? value % 7 : value);
  }
  return { values: [...values].sort((a, b) => a - b), star };
}

/** The shortest usual text of a field: parsing it gives the same field. */
export function printField({ values, star }: CronField, kind: FieldKind): string {
  const full = values.length === kind.max - kind.min + 1;
  if (star || (full && kind !== DAY_OF_MONTH && kind !== DAY_OF_WEEK)) return '*';
  return (
    steps(values, kind) ??
    runs(values)
      .map(([from, to]) => (from === to ? String(from) : to === from + 1 ? `${from},${to}` : `${from}-${to}`))
      .join(',')
  );
}

/** Three values or more at an even distance, as a step. */
function steps(values: readonly number[], kind: FieldKind): string | undefined {
  const [first = kind.min, second = kind.min] = values;
  const last = values.at(-1) ?? first;
  const step = second - first;
  if (values.length < 3 || step === 1 || values.some((value, index) => value !== first + index * step)) return undefined;
  return first === kind.min && last + step > kind.max ? `*/${step}` : `${first}-${last}/${step}`;
}

/** Ascending values as runs of neighbours, both ends included. */
export function runs(values: readonly number[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const value of values) {
    const current = found.at(-1);
    if (current && current[1] === value - 1) current[1] = value;
    else found.push([value, value]);
  }
  return found;
}

interface Item {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly star: boolean;
}

function parseItem(item: string, kind: FieldKind): Item {
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0) throw wrong(kind, item, 'has more than one "/"');
  const stride = step === undefined ? 1 : parseStep(step, item, kind);
  if (range === '*' || range === '?') return { from: kind.min, to: kind.max, step: stride, star: stride === 1 };
  const [start = '', end, ...others] = range.split('-');
  if (others.length > 0) throw wrong(kind, item, 'has more than one "-"');
  const from = parseValue(start, item, kind);
  if (end === undefined) return { from, to: step === undefined ? from : kind.max, step: stride, star: false };
  const to = parseValue(end, item, kind);
  if (to < from) throw wrong(kind, item, 'ends before it begins: write the values as a list');
  return { from, to, step: stride, star: false };
}

function parseStep(text: string, item: string, kind: FieldKind): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) === 0) throw wrong(kind, item, 'needs a whole number of 1 or more after "/"');
  return Number(text);
}

function parseValue(text: string, item: string, kind: FieldKind): number {
  const word = kind.words.indexOf(text.toLowerCase());
  if (word >= 0) return word + kind.min;
  const max = kind === DAY_OF_WEEK ? 7 : kind.max;
  if (!/^\d{1,4}$/.test(text)) throw wrong(kind, item, reasonOf(text, kind));
  const value = Number(text);
  if (value < kind.min || value > max) throw wrong(kind, item, `is not within ${kind.min}-${max}`);
  return value;
}

function reasonOf(text: string, kind: FieldKind): string {
  if (text === '') return 'lacks a value';
  if (/[lw#]/i.test(text) && /^\d*[lw#]+\d*$/i.test(text)) return 'uses L, W or #, which Kubernetes cron and Velero do not have either';
  const names = kind.words.length === 0 ? '' : ` or a name such as ${(kind.words[1] ?? '').toUpperCase()}`;
  return `is no number${names}`;
}

function wrong(kind: FieldKind, item: string, why: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `schedule: ${kind.name} "${item}" ${why}`, {
    advice: 'the five fields are: minute hour day-of-month month day-of-week',
  });
}
