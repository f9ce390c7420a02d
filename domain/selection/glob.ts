/**
 * Globs over names: `*` (any text), `?` (one character), `[abc]`, `[a-z]`, `[!x]`, `{a,b}` (nested too). Everything else is literal.
 * A pattern becomes a small automaton that is walked once: time is at most length of the text times length of the pattern, whatever the
 * pattern (a backtracking expression would let `*a*a*a*b` hang a worker).
 */
type Glob = (text: string) => boolean;

/** A pattern that is no glob; `message` says what and where. */
export class GlobError extends Error {
  override readonly name = 'GlobError';
}

const MAX_LENGTH = 512;

/** True when the pattern holds a character with a meaning, so that it is not the name itself. */
export function isGlob(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** Throws `GlobError`. */
export function compileGlob(pattern: string): Glob {
  if (pattern.length > MAX_LENGTH) throw new GlobError(`glob of ${pattern.length} characters: at most ${MAX_LENGTH} are allowed`);
  const states: State[] = [];
  const parser: Parser = { pattern, at: 0, states };
  const accept = addState(states, { kind: 'accept' });
  const start = sequence(parser, accept, 0);
  return (text) => run(states, start, text);
}

/** A glob that matches when one of the patterns does. Throws `GlobError`. */
export function compileGlobs(patterns: readonly string[]): Glob {
  const exact = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(compileGlob);
  return (text) => exact.has(text) || globs.some((glob) => glob(text));
}

type State =
  | { readonly kind: 'accept' }
  /** Consumes one character. */
  | { readonly kind: 'one'; readonly accepts: (character: string) => boolean; readonly next: number }
  /** Consumes nothing. */
  | { readonly kind: 'fork'; readonly next: number[] };

interface Parser {
  readonly pattern: string;
  at: number;
  readonly states: State[];
}

function addState(states: State[], state: State): number {
  states.push(state);
  return states.length - 1;
}

/** Builds the automaton of a sequence that goes on at `next`; returns its first state. */
function sequence(parser: Parser, next: number, depth: number): number {
  const { states } = parser;
  const first = addState(states, { kind: 'fork', next: [] });
  let last = first;
  while (parser.at < parser.pattern.length && !(depth > 0 && ',}'.includes(parser.pattern.charAt(parser.at)))) {
    const after = addState(states, { kind: 'fork', next: [] });
    link(states, last, item(parser, after, depth));
    last = after;
  }
  link(states, last, next);
  return first;
}

function link(states: readonly State[], from: number, to: number): void {
  const state = states[from];
  if (state?.kind === 'fork') state.next.push(to);
}

function item(parser: Parser, next: number, depth: number): number {
  const { states, pattern } = parser;
  const character = pattern.charAt(parser.at);
  switch (character) {
    case '*': {
      parser.at += 1;
      const loop = addState(states, { kind: 'fork', next: [next] });
      link(states, loop, addState(states, { kind: 'one', accepts: () => true, next: loop }));
      return loop;
    }
    case '?':
      parser.at += 1;
      return addState(states, { kind: 'one', accepts: () => true, next });
    case '[':
      return addState(states, { kind: 'one', accepts: characterClass(parser), next });
    case '{':
      return alternatives(parser, next, depth);
    default:
      parser.at += 1;
      return addState(states, { kind: 'one', accepts: (other) => other === character, next });
  }
}

function alternatives(parser: Parser, next: number, depth: number): number {
  const open = parser.at;
  const fork = addState(parser.states, { kind: 'fork', next: [] });
  do {
    parser.at += 1;
    link(parser.states, fork, sequence(parser, next, depth + 1));
  } while (parser.pattern.charAt(parser.at) === ',');
  if (parser.pattern.charAt(parser.at) !== '}') throw unclosed(parser.pattern, '{', open);
  parser.at += 1;
  return fork;
}

function characterClass(parser: Parser): (character: string) => boolean {
  const { pattern, at: open } = parser;
  const negated = pattern.charAt(open + 1) === '!';
  const from = open + (negated ? 2 : 1);
  // As in a shell, a closing bracket that comes first is a character of the class.
  const close = pattern.indexOf(']', from + 1);
  if (close < 0) throw unclosed(pattern, '[', open);
  parser.at = close + 1;
  const ranges = classRanges(pattern.slice(from, close), pattern);
  return (character) => ranges.some(([low, high]) => character >= low && character <= high) !== negated;
}

function classRanges(body: string, pattern: string): readonly (readonly [string, string])[] {
  const ranges: [string, string][] = [];
  for (let at = 0; at < body.length; at += 1) {
    const low = body.charAt(at);
    const isRange = body.charAt(at + 1) === '-' && at + 2 < body.length;
    const high = isRange ? body.charAt(at + 2) : low;
    if (high < low) throw new GlobError(`glob "${pattern}": the range ${low}-${high} is empty, write ${high}-${low}`);
    ranges.push([low, high]);
    if (isRange) at += 2;
  }
  return ranges;
}

function unclosed(pattern: string, bracket: string, at: number): GlobError {
  return new GlobError(`glob "${pattern}": "${bracket}" at position ${at + 1} is not closed`);
}

function run(states: readonly State[], start: number, text: string): boolean {
  let current = closure(states, [start]);
  for (const character of text) {
    const next: number[] = [];
    for (const index of current) {
      const state = states[index];
      if (state?.kind === 'one' && state.accepts(character)) next.push(state.next);
    }
    if (next.length === 0) return false;
    current = closure(states, next);
  }
  return current.has(0);
}

/** The states reachable without consuming a character. */
function closure(states: readonly State[], from: readonly number[]): ReadonlySet<number> {
  const reached = new Set<number>();
  const open = [...from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const state = states[index];
    if (state?.kind === 'fork') open.push(...state.next);
  }
  return reached;
}
