import pc from 'picocolors';

interface Step {
  readonly title: string;
  readonly seconds: number;
}

/** A story in numbered steps on stderr, each with the time it took. */
export class Story {
  readonly #steps: Step[] = [];
  #number = 0;

  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.#number += 1;
    const startedMs = performance.now();
    this.say(`\n${pc.bold(pc.green(`${this.#number}. ${title}`))}`);
    const result = await work();
    const seconds = (performance.now() - startedMs) / 1_000;
    this.#steps.push({ title, seconds });
    this.say(pc.dim(`   ${seconds.toFixed(1)} s`));
    return result;
  }

  say(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** How long each step took, as a table. */
  times(): string {
    const width = Math.max(...this.#steps.map(({ title }) => title.length));
    const rows = this.#steps.map(({ title, seconds }) => `  ${title.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s`);
    const total = this.#steps.reduce((sum, { seconds }) => sum + seconds, 0);
    return [...rows, `  ${'together'.padEnd(width)}  ${total.toFixed(1).padStart(7)} s`].join('\n');
  }
}
