import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';

/** One figure, measured several times. */
export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly target?: Target;
}

/** What a measure should be; `isMet` is asked about the median. */
interface Target {
  readonly text: string;
  readonly isMet: (median: number) => boolean;
}

const mark = (section: string, end: string) => `<!-- recorded ${section}: ${end} -->`;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export function atLeast(limit: number, unit: string): Target {
  return { text: `>= ${figure(limit)} ${unit}`, isMet: (value) => value >= limit };
}

export function atMost(limit: number, unit: string): Target {
  return { text: `<= ${figure(limit)} ${unit}`, isMet: (value) => value <= limit };
}

/** The measures as a Markdown table. */
export function markdownTable(measures: readonly Measure[]): string {
  const rows = measures.map(({ what, unit, values, target }) => {
    const middle = median(values);
    const spread = values.length > 1 ? `${figure(Math.min(...values))} to ${figure(Math.max(...values))}` : '';
    const verdict = target === undefined ? '' : `${target.text}: ${target.isMet(middle) ? 'met' : 'MISSED'}`;
    return [what, `${figure(middle)} ${unit}`, spread, String(values.length), verdict];
  });
  const table = [['measured', 'median', 'spread', 'runs', 'target'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  return [lines[0], `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.slice(1)].join('\n');
}

/** The machine and the day, for people who compare. */
export function circumstances(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1e9)} GB`;
  return `${new Date().toISOString().slice(0, 10)}, ${process.platform} ${process.arch}, ${cpus().length} x ${cpu?.model.trim() ?? 'unknown'}, ${memory}, Node ${process.version}`;
}

/** Replaces what lies between the two marks of a section of a Markdown file. */
export async function record(file: string, section: string, text: string): Promise<void> {
  const [begin, end] = [mark(section, 'begin'), mark(section, 'end')];
  const [before, rest] = (await readFile(file, 'utf8')).split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} lacks the marks ${begin} and ${end}`);
  await writeFile(file, `${before}${begin}\n${text}\n${end}${after}`);
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
