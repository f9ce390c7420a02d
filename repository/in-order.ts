/** Hands on what several promises give in the order in which they were put in, whichever is done first. After a failure nothing more is handed on. */
export class InOrder<T> {
  readonly #take: (value: T) => void;
  readonly #waiting: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(take: (value: T) => void) {
    this.#take = take;
  }

  /** How many have not been handed on yet. */
  get size(): number {
    return this.#waiting.length;
  }

  put(value: Promise<T>): void {
    const taken = Promise.all([value, this.#last]).then(([made]) => {
      this.#take(made);
    });
    this.#last = taken;
    this.#waiting.push(taken);
    const done = (): void => {
      void this.#waiting.shift();
    };
    // `first` and `all` report a failure; until one of them is called it must not count as unhandled.
    taken.then(done, done);
  }

  /** Resolves when the oldest has been handed on; rejects with what it, or one before it, failed with. */
  async first(): Promise<void> {
    await (this.#waiting[0] ?? this.#last);
  }

  /** Resolves when all have been handed on, and rejects when one could not be. */
  async all(): Promise<void> {
    await this.#last;
  }
}
