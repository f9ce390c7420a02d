/** How often progress is told where there is no terminal to rewrite a line on. */
const PLAIN_INTERVAL_MS = 10_000;

/** Progress on stderr: one line that is rewritten on a terminal; elsewhere a new line when the step changes, or every ten seconds. */
export class StatusLine {
  readonly #terminal = process.stderr.isTTY && process.env['TERM'] !== 'dumb';
  #step = '';
  #toldAt = 0;
  #shown = false;

  show(step: string, detail: string): void {
    const text = detail === '' ? step : `${step}: ${detail}`;
    if (this.#terminal) {
      process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns || 80) - 1)}`);
      this.#shown = true;
      return;
    }
    const now = performance.now();
    if (step === this.#step && now - this.#toldAt < PLAIN_INTERVAL_MS) return;
    this.#step = step;
    this.#toldAt = now;
    process.stderr.write(`${text}\n`);
  }

  /** Removes the line, so that what follows begins on a clean one. */
  clear(): void {
    if (this.#shown) process.stderr.write('\r\u001b[K');
    this.#shown = false;
  }
}
