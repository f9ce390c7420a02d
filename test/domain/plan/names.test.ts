import { describe, expect, it } from '@jest/globals';
import { defaultName, nameProblem } from '../../../domain/plan/names.ts';

describe('names', () => {
  it('come from the time when none is given', () => {
    expect(defaultName('backup', '2026-11-22T10:15:00.123Z')).toBe('backup-20261122-101500');
    expect(nameProblem('restore', defaultName('restore', '2026-11-22T10:15:00Z'))).toBe('');
  });

  it.each(['a', 'prod-2026.11', '0', 'x'.repeat(63)])('%s is allowed', (name) => {
    expect(nameProblem('backup', name)).toBe('');
  });

  it.each(['A', '-a', 'a-', 'a/b', '../x', 'a..b', '.', 'a b', 'x'.repeat(64), 'ä', 'a\n'])('%j is not', (name) => {
    expect(nameProblem('backup', name)).toContain(`backup name "${name}" is not allowed`);
  });

  it('an empty one says so', () => {
    expect(nameProblem('location', '')).toBe('location name is empty');
  });
});
