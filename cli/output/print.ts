import { stringify } from 'yaml';

export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** The ways to show one answer. `data` is what `-o json` and `-o yaml` print: its shape is published in docs/schemas. */
export interface Answer {
  readonly data: unknown;
  readonly names: readonly string[];
  readonly table: (wide: boolean) => string;
}

/** Prints an answer on stdout: data only, everything else goes to stderr. */
export function printAnswer(format: OutputFormat, answer: Answer): void {
  process.stdout.write(`${render(format, answer).trimEnd()}\n`);
}

function render(format: OutputFormat, answer: Answer): string {
  switch (format) {
    case 'json':
      return JSON.stringify(answer.data, null, 2);
    case 'yaml':
      return stringify(answer.data);
    case 'name':
      return answer.names.join('\n');
    case 'wide':
    case 'table':
      return answer.table(format === 'wide');
  }
}

/** A line for people on stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
