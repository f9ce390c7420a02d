import { describe, expect, it } from '@jest/globals';
import { hooksInTheWay } from '../../../domain/helm/manifest-objects.ts';

const hook = (name: string, policy?: string, kind = 'Job') => ({
  manifest: `apiVersion: batch/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n  annotations:\n    helm.sh/hook: pre-install\n${
    policy === undefined ? '' : `    helm.sh/hook-delete-policy: ${policy}\n`
  }`,
});

describe('hooks that an attempt left', () => {
  it('are in the way when Helm does not delete them itself', () => {
    const hooks = [
      hook('unnamed'),
      hook('before', 'before-hook-creation'),
      hook('both', 'hook-succeeded, Before-Hook-Creation'),
      hook('succeeded', 'hook-succeeded'),
      hook('failed', '"hook-failed,hook-succeeded"'),
      hook('definition', 'hook-failed', 'CustomResourceDefinition'),
      { manifest: '---\n# nothing\n' },
    ];
    expect(hooksInTheWay(hooks).map(({ name }) => name)).toEqual(['succeeded', 'failed']);
  });
});
