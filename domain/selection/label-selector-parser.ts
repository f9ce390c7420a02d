/** One term of a selector; all terms must hold. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!exists' | '>' | '<';
  /** Sorted, each once; one integer for `>` and `<`. */
  readonly values: readonly string[];
}

/** A text that is no selector; `message` says what and at which position. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

interface Token {
  /** A word, one of `= == != ! < > ( ) ,`, or '' at the end. */
  readonly text: string;
  readonly isWord: boolean;
  /** Index in the selector. */
  readonly at: number;
}

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Recursive descent over Kubernetes' selector grammar (k8s.io/apimachinery/pkg/labels). One instance parses one text. */
export class SelectorParser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenise(text);
  }

  parse(): readonly Requirement[] {
    if (this.#peek().text === '') return [];
    const requirements = [this.#requirement()];
    while (this.#peek().text === ',') {
      this.#take();
      requirements.push(this.#requirement());
    }
    if (this.#peek().text !== '') throw this.#unexpected('"," or the end');
    return requirements;
  }

  #requirement(): Requirement {
    const negated = this.#peek().text === '!';
    if (negated) this.#take();
    const key = this.#key();
    if (negated) return { key, operator: '!exists', values: [] };
    const operator = this.#peek();
    switch (operator.text) {
      case '':
      case ',':
        return { key, operator: 'exists', values: [] };
      case '=':
      case '==':
        this.#take();
        return { key, operator: 'in', values: [this.#value()] };
      case '!=':
        this.#take();
        return { key, operator: 'notin', values: [this.#value()] };
      case 'in':
      case 'notin':
        this.#take();
        return { key, operator: operator.text, values: this.#set() };
      case '>':
      case '<':
        this.#take();
        return { key, operator: operator.text, values: [this.#integer()] };
      default:
        throw this.#unexpected('=, ==, !=, in, notin, > or <');
    }
  }

  #key(): string {
    const token = this.#peek();
    if (!token.isWord) throw this.#unexpected('a label key');
    this.#take();
    const slash = token.text.indexOf('/');
    const prefix = token.text.slice(0, Math.max(slash, 0));
    const validPrefix = slash < 0 || (prefix.length <= 253 && PREFIX.test(prefix));
    if (!validPrefix || !NAME.test(token.text.slice(slash + 1))) {
      throw this.#error(
        `"${token.text}" is no label key (an optional DNS name and "/", then at most 63 of letters, digits, "-", "_", ".")`,
        token,
      );
    }
    return token.text;
  }

  /** A label value; it may be empty. */
  #value(): string {
    const token = this.#peek();
    if (!token.isWord) {
      if (['', ',', ')'].includes(token.text)) return '';
      throw this.#unexpected('a value');
    }
    this.#take();
    if (!NAME.test(token.text)) {
      throw this.#error(`"${token.text}" is no label value (at most 63 of letters, digits, "-", "_", ".")`, token);
    }
    return token.text;
  }

  #integer(): string {
    const token = this.#peek();
    if (!token.isWord || !/^-?\d+$/.test(token.text)) throw this.#unexpected('an integer');
    this.#take();
    return token.text;
  }

  /** `(a,b)`, each value once, sorted. */
  #set(): readonly string[] {
    this.#expect('(');
    const values = new Set([this.#value()]);
    while (this.#peek().text === ',') {
      this.#take();
      values.add(this.#value());
    }
    this.#expect(')');
    return [...values].sort();
  }

  #expect(text: string): void {
    if (this.#peek().text !== text) throw this.#unexpected(`"${text}"`);
    this.#take();
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { text: '', isWord: false, at: this.#text.length };
  }

  #take(): void {
    this.#next += 1;
  }

  #unexpected(wanted: string): SelectorError {
    const token = this.#peek();
    return this.#error(`expected ${wanted}, found ${token.text === '' ? 'the end' : `"${token.text}"`}`, token);
  }

  #error(message: string, token: Token): SelectorError {
    return new SelectorError(`label selector "${this.#text}": ${message} at position ${token.at + 1}`);
  }
}

function tokenise(text: string): readonly Token[] {
  return [...text.matchAll(/(?<symbol>==|!=|[=!<>(),])|[^\s=!<>(),]+/g)].map((match) => ({
    text: match[0],
    isWord: match.groups?.['symbol'] === undefined,
    at: match.index,
  }));
}
