import type { HoldfastError } from '../../contracts/failures.ts';
import { isFailure } from '../failures.ts';
import type { Finding, Severity } from './report.ts';

export const FROM_COPY = 'bring it back from a copy of the location';

/** Collects what a check finds; nothing that is found ends it. */
export class Findings {
  readonly #found: Finding[] = [];

  get all(): readonly Finding[] {
    const order: readonly Severity[] = ['data', 'spare', 'note'];
    return this.#found.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  }

  get state(): 'sound' | 'blemished' | 'damaged' {
    if (this.#found.some(({ severity }) => severity === 'data')) return 'damaged';
    return this.#found.some(({ severity }) => severity === 'spare') ? 'blemished' : 'sound';
  }

  add(severity: Severity, key: string, issue: { readonly code: string; readonly message: string; readonly advice?: string }): void {
    this.#found.push({ severity, key, ...issue });
  }
}

/** Whether a failure says that stored bytes are not what they should be. A flipped version byte passes for a newer format. */
export function isBadContent(error: unknown): error is HoldfastError {
  return isFailure(error, 'Damaged') || isFailure(error, 'NewerFormat');
}
