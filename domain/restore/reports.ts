import type { VerificationReport } from '../../contracts/restore.ts';

/** Differences that a report lists; more are counted. */
export const MAX_DIFFERENCES = 200;

export const NOTHING_COMPARED: VerificationReport = { equal: true, compared: 0, differences: [], differenceCount: 0, excluded: 0 };

export function addReports(a: VerificationReport, b: VerificationReport): VerificationReport {
  return {
    equal: a.equal && b.equal,
    compared: a.compared + b.compared,
    differences: [...a.differences, ...b.differences].slice(0, MAX_DIFFERENCES),
    differenceCount: a.differenceCount + b.differenceCount,
    excluded: a.excluded + b.excluded,
  };
}
