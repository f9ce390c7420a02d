import pc from 'picocolors';

const PHASES: Readonly<Record<string, (text: string) => string>> = {
  Completed: pc.green,
  PartiallyFailed: pc.yellow,
  Failed: pc.red,
  Canceled: pc.yellow,
  Running: pc.cyan,
};

/** A phase in its colour; plain where colours are off (NO_COLOR, no terminal). */
export function phase(name: string): string {
  return process.stdout.isTTY ? (PHASES[name]?.(name) ?? name) : name;
}
