/** The last bytes of an output, at most `limit` of them, as text. */
export class OutputTail {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > 2 * this.#limit) this.#cut();
  }

  /** UTF-8; a character that the cut went through reads as U+FFFD. */
  text(): string {
    this.#cut();
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  #cut(): void {
    const last = Buffer.from(Buffer.concat(this.#chunks, this.#size).subarray(-this.#limit));
    this.#chunks = [last];
    this.#size = last.length;
  }
}
