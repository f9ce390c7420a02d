import type { IncomingHttpHeaders } from 'node:http';
import { seededRandom } from './seed.ts';

export interface ProxiedRequest {
  /** Counts from 1. */
  readonly number: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Fault =
  /** Passed on unchanged. */
  | { readonly kind: 'none' }
  /** Answered by the proxy; the server never hears of it. */
  | { readonly kind: 'answer'; readonly answer: (request: ProxiedRequest) => Answer }
  /** Passed on after a while. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Never answered, connection left open. */
  | { readonly kind: 'hang' }
  /** Connection reset before the server hears of it. */
  | { readonly kind: 'reset' }
  /** The server's answer breaks off in the middle, and the connection with it. */
  | { readonly kind: 'reset-body'; readonly afterBytes: number }
  /** The server's answer comes in pieces of so many bytes, one after each pause. */
  | { readonly kind: 'slow-body'; readonly pieceBytes: number; readonly pauseMs: number }
  /** The answer is cut, and its length says that it is whole. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** One bit of the answer's body is wrong. */
  | { readonly kind: 'wrong-byte' }
  /** The server does it; its answer never arrives. */
  | { readonly kind: 'lose-answer' };

export interface FaultRule {
  /** Key of the count in `FaultProxy.done`. */
  readonly name: string;
  readonly fault: Fault;
  /** All that are given must hold. */
  readonly method?: string;
  /** Of the path with its query, after percent decoding: stores differ in what they encode. */
  readonly path?: RegExp;
  readonly where?: (request: ProxiedRequest) => boolean;
  /** Only the n-th matching request, from 1. */
  readonly nth?: number;
  /** Only the first n matching requests. */
  readonly first?: number;
  /** Only from the n-th matching request on, from 1. */
  readonly from?: number;
  /** Of the requests that are left, this share. */
  readonly probability?: number;
}

const NONE: Fault = { kind: 'none' };

/** A fixed answer, for example `status(503)`. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Fault {
  return { kind: 'answer', answer: () => ({ status: code, headers, body }) };
}

/** Rules in force and what they have done. */
export class FaultScript {
  #rules: { readonly rule: FaultRule; matched: number }[] = [];
  readonly #counts = new Map<string, number>();
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  get done(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  replace(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, matched: 0 }));
  }

  decide(request: ProxiedRequest): Fault {
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (!matches(rule, request)) continue;
      entry.matched += 1;
      if (!isDue(rule, entry.matched) || (rule.probability !== undefined && this.#random() >= rule.probability)) continue;
      this.#counts.set(rule.name, (this.#counts.get(rule.name) ?? 0) + 1);
      return rule.fault;
    }
    return NONE;
  }
}

function matches({ method, path, where }: FaultRule, request: ProxiedRequest): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (path !== undefined && !path.test(decodeURIComponent(request.path))) return false;
  return where === undefined || where(request);
}

function isDue({ nth, first, from }: FaultRule, matched: number): boolean {
  if (nth !== undefined && matched !== nth) return false;
  if (first !== undefined && matched > first) return false;
  return from === undefined || matched >= from;
}
