const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Walks over UTF-8 JSON and finds where values begin and end, without reading them. It checks the structure that it walks over, not the
 * inside of skipped values: whoever takes a value parses it. All bytes of a multi-byte character are above 0x7f, so bytes are enough.
 * Throws SyntaxError.
 */
export class JsonScanner {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** Each key of the object that begins here. Between two keys the caller must skip the value. */
  *objectKeys(): Generator<string> {
    this.#expect(OPEN_BRACE);
    if (this.#takes(CLOSE_BRACE)) return;
    do {
      const start = this.startOfValue();
      if (this.#body[start] !== QUOTE) throw this.#surprise();
      const key = JSON.parse(this.#body.toString('utf8', start, this.skipValue())) as string;
      this.#expect(COLON);
      yield key;
    } while (this.#takes(COMMA));
    this.#expect(CLOSE_BRACE);
  }

  /** The position of each element of the array that begins here. Between two elements the caller must skip the value. */
  *arrayElements(): Generator<number> {
    this.#expect(OPEN_BRACKET);
    if (this.#takes(CLOSE_BRACKET)) return;
    do {
      yield this.startOfValue();
    } while (this.#takes(COMMA));
    this.#expect(CLOSE_BRACKET);
  }

  atArray(): boolean {
    return this.#body[this.startOfValue()] === OPEN_BRACKET;
  }

  /** Passes white space; returns the position of what follows. */
  startOfValue(): number {
    while (isSpace(this.#body[this.#at])) this.#at += 1;
    return this.#at;
  }

  /** Passes one value; returns the position after it. */
  skipValue(): number {
    const first = this.#body[this.startOfValue()];
    if (first === QUOTE) this.#at = afterString(this.#body, this.#at + 1);
    else if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#at = afterContainer(this.#body, this.#at + 1);
    else this.#at = this.#afterScalar();
    return this.#at;
  }

  /** Nothing but white space may follow. */
  expectEnd(): void {
    if (this.startOfValue() < this.#body.length) throw this.#surprise();
  }

  #afterScalar(): number {
    let end = this.#at;
    while (end < this.#body.length && !endsScalar(this.#body[end])) end += 1;
    if (end === this.#at) throw this.#surprise();
    return end;
  }

  #expect(byte: number): void {
    if (!this.#takes(byte)) throw this.#surprise();
  }

  #takes(byte: number): boolean {
    if (this.#body[this.startOfValue()] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #surprise(): SyntaxError {
    return new SyntaxError(this.#at < this.#body.length ? `unexpected byte at ${this.#at}` : 'unexpected end');
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function endsScalar(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte);
}

/** From inside a string to behind its closing quote. */
function afterString(body: Buffer, start: number): number {
  const length = body.length;
  let at = start;
  while (at < length) {
    const byte = body[at];
    if (byte === QUOTE) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
  throw new SyntaxError('unexpected end inside a string');
}

/**
 * From inside an object or array to behind its end. Both brackets count alike: a value with crossed brackets is not JSON, which shows when
 * it is parsed..
 */
function afterContainer(body: Buffer, start: number): number {
  const length = body.length;
  let depth = 1;
  let at = start;
  while (at < length) {
    const byte = body[at] ?? 0;
    at += 1;
    if (byte === QUOTE) at = afterString(body, at);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  throw new SyntaxError('unexpected end');
}
