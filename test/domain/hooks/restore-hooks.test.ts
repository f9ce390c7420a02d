import { describe, expect, it } from '@jest/globals';
import type { RestoreHook, RestoreHookRule } from '../../../contracts/hook.ts';
import { initContainersOf, withInitContainers } from '../../../domain/hooks/init-containers.ts';
import { restoreHooksOf } from '../../../domain/hooks/restore-hooks.ts';

const POST = 'post.hook.restore.velero.io/';
const INIT = 'init.hook.restore.velero.io/';
const DEFAULTS: RestoreHook = { container: '', command: ['rule'], onError: 'fail', execSeconds: 30, waitSeconds: 600, waitForReady: false };

const rule = (more: Partial<RestoreHookRule>): RestoreHookRule => ({
  name: '',
  includedNamespaces: [],
  excludedNamespaces: [],
  labelSelector: '',
  commands: [DEFAULTS],
  initContainers: [],
  ...more,
});
const hooks = (annotations: Record<string, string>, rules: readonly RestoreHookRule[] = [], labels = {}) =>
  restoreHooksOf({ annotations, labels }, 'shop', rules);

describe('commands after a restore', () => {
  it('are read from annotations as Velero reads them', () => {
    expect(hooks({})).toStrictEqual([]);
    expect(hooks({ [`${POST}command`]: '["load","it"]' })).toStrictEqual([{ ...DEFAULTS, command: ['load', 'it'], onError: 'continue' }]);
    const all = {
      [`${POST}command`]: '/load',
      [`${POST}container`]: 'side',
      [`${POST}on-error`]: 'Fail',
      [`${POST}exec-timeout`]: '2m',
      [`${POST}wait-timeout`]: '5s',
      [`${POST}wait-for-ready`]: 'true',
    };
    expect(hooks(all)).toStrictEqual([
      { container: 'side', command: ['/load'], onError: 'fail', execSeconds: 120, waitSeconds: 5, waitForReady: true },
    ]);
    expect(hooks({ ...all, [`${POST}exec-timeout`]: 'soon' })).toMatchObject([{ execSeconds: 30 }]);
  });

  it('come from rules where the pod says nothing, by its namespace after the restore and its labels', () => {
    const named = (name: string) => ({ ...DEFAULTS, command: [name] });
    const rules = [
      rule({ includedNamespaces: ['sh*'], commands: [named('one'), named('two')] }),
      rule({ excludedNamespaces: ['shop'], commands: [named('other namespace')] }),
      rule({ labelSelector: 'app in (web)', commands: [named('three')] }),
    ];
    const words = (labels: Record<string, string>) => hooks({}, rules, labels).map(({ command }) => command[0]);
    expect(words({})).toStrictEqual(['one', 'two']);
    expect(words({ app: 'web' })).toStrictEqual(['one', 'two', 'three']);
    expect(hooks({ [`${POST}command`]: 'own' }, rules)).toMatchObject([{ command: ['own'] }]);
  });
});

describe('init containers', () => {
  const own = { name: 'own', image: 'own' };
  const pod = (annotations: Record<string, string>, labels: Record<string, string> = {}) => ({
    metadata: { annotations, labels },
    spec: { containers: [{ name: 'main', volumeMounts: [{ name: 'data', mountPath: '/data' }] }], initContainers: [own] },
  });

  it('come from annotations, and see what the first container mounts', () => {
    const annotations = { [`${INIT}container-image`]: 'busybox', [`${INIT}command`]: '["sh","-c","true"]' };
    const made = { image: 'busybox', command: ['sh', '-c', 'true'], volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    expect(initContainersOf(pod(annotations), 'shop', [])).toStrictEqual([{ name: 'holdfast-restore-init', ...made }]);
    expect(initContainersOf(pod({ ...annotations, [`${INIT}container-name`]: 'mine' }), 'shop', [])).toStrictEqual([
      { name: 'mine', ...made },
    ]);
  });

  it.each([{ [`${INIT}container-image`]: 'busybox' }, { [`${INIT}command`]: 'true' }])('need an image and a command: %j', (annotations) => {
    expect(initContainersOf(pod(annotations), 'shop', [])).toStrictEqual([]);
  });

  it('come from rules otherwise, and run before those of the pod, each once', () => {
    const added = { name: 'added', image: 'busybox' };
    const rules = [
      rule({ labelSelector: 'app=web', initContainers: [added, own] }),
      rule({ includedNamespaces: ['other'], initContainers: [own] }),
    ];
    const web = pod({}, { app: 'web' });
    const containers = initContainersOf(web, 'shop', rules);
    expect(containers).toStrictEqual([added, own]);
    const changed = withInitContainers(web, containers);
    expect(changed['spec']).toMatchObject({ initContainers: [added, own] });
    expect(withInitContainers(changed, containers)).toBe(changed);
    expect(initContainersOf(pod({}), 'shop', rules)).toStrictEqual([]);
  });
});
