import { describe, expect, it } from '@jest/globals';
import { annotatedHook, type HookPhase } from '../../plugins/hooks.ts';
import { pod } from '../support/plugin-context.ts';

const hook = (annotations: Record<string, string>, phase: HookPhase = 'pre') => annotatedHook(pod('web', { annotations }), phase);

describe('hooks of annotations', () => {
  it.each([
    ['/sbin/fsfreeze', ['/sbin/fsfreeze']],
    ['echo a b', ['echo a b']],
    ['["/bin/bash", "-c", "echo \\"a\\" b"]', ['/bin/bash', '-c', 'echo "a" b']],
    ['[not json', ['[not json']],
    ['["a", 1]', ['["a", 1]']],
    [' ["a"]', [' ["a"]']],
    ['[]', []],
  ])('reads the command %s as Velero does', (command, words) => {
    expect(hook({ 'pre.hook.backup.velero.io/command': command })?.command).toStrictEqual(words);
  });

  it("takes container, on-error and timeout, with Velero's defaults for what is absent or cannot be read", () => {
    const command = { 'post.hook.backup.velero.io/command': 'x' };
    const defaults = { container: '', command: ['x'], onError: 'fail', timeoutSeconds: 30 };
    expect(hook(command, 'post')).toStrictEqual(defaults);
    expect(
      hook({ ...command, 'post.hook.backup.velero.io/on-error': 'continue', 'post.hook.backup.velero.io/timeout': 'soon' }, 'post'),
    ).toStrictEqual(defaults);
    const all = { container: 'side', onError: 'Continue', timeout: '1m30s' };
    const given = Object.fromEntries(
      Object.entries({ container: all.container, 'on-error': all.onError, timeout: all.timeout }).map(([key, value]) => [
        `post.hook.backup.velero.io/${key}`,
        value,
      ]),
    );
    expect(hook({ ...command, ...given }, 'post')).toStrictEqual({
      container: 'side',
      command: ['x'],
      onError: 'continue',
      timeoutSeconds: 90,
    });
  });

  it('knows the names without a phase for the time before only', () => {
    const annotations = { 'hook.backup.velero.io/command': 'old' };
    expect(hook(annotations)?.command).toStrictEqual(['old']);
    expect(hook(annotations, 'post')).toBeUndefined();
    expect(hook({ ...annotations, 'pre.hook.backup.velero.io/command': 'new' })?.command).toStrictEqual(['new']);
  });

  it('prefers our own names, and is strict about them', () => {
    const own = { 'holdfast.dev/pre-backup-hook-command': '["a","b"]', 'pre.hook.backup.velero.io/command': 'velero' };
    expect(hook(own)?.command).toStrictEqual(['a', 'b']);
    expect(() => hook({ ...own, 'holdfast.dev/pre-backup-hook-on-error': 'maybe' })).toThrow(
      'pod shop/web: annotation holdfast.dev/pre-backup-hook-on-error "maybe" is none of fail, continue',
    );
    expect(() => hook({ 'holdfast.dev/pre-backup-hook-command': '["a"' })).toThrow('is no JSON list of words');
    expect(() => hook({ ...own, 'holdfast.dev/pre-backup-hook-timeout': 'soon' })).toThrow('"soon" is no duration');
  });
});
