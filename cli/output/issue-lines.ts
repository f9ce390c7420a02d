import type { Issue } from '../../contracts/outcome.ts';

/** Warnings and errors apart, each with what to do about it. */
export function issueLines({
  warnings,
  errors,
}: {
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}): readonly string[] {
  const lines = (title: string, issues: readonly Issue[]): readonly string[] =>
    issues.length === 0
      ? []
      : ['', `${title}:`, ...issues.map((issue) => `  ${issue.message}${issue.advice === undefined ? '' : `; ${issue.advice}`}`)];
  return [...lines('Warnings', warnings), ...lines('Errors', errors)];
}
