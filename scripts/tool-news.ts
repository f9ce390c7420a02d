import type { ProgressEvent } from '../sandbox/tool-progress.ts';

/** What is found, downloaded or built, as one line for people. */
export function toolNews({ tool, source, message, elapsedMs, remainingMs }: ProgressEvent): string {
  const remaining = remainingMs === undefined ? '' : `, about ${seconds(remainingMs)} left`;
  return `${tool}: ${source}: ${message} (${seconds(elapsedMs)}${remaining})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
