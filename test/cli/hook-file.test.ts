import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { readBackupHooks, readRestoreHooks } from '../../cli/hooks/hook-file.ts';
import { ruledHooks, type HookPhase } from '../../plugins/hooks.ts';
import { pod } from '../support/plugin-context.ts';

let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-hook-file-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(document: unknown): Promise<string> {
  count += 1;
  const path = join(folder, `hooks-${count}.yaml`);
  await writeFile(path, typeof document === 'string' ? document : stringify(document));
  return path;
}

describe('hooks of a backup', () => {
  const document = {
    resources: [
      {
        name: 'all',
        includedNamespaces: ['*'],
        excludedNamespaces: ['kube-*'],
        includedResources: ['pods'],
        labelSelector: { matchLabels: { app: 'db' }, matchExpressions: [{ key: 'canary', operator: 'DoesNotExist' }] },
        pre: [{ exec: { command: ['one'] } }, { exec: { command: ['two'], container: 'side', onError: 'Continue', timeout: '2m' } }],
      },
      { name: 'of other kinds', includedResources: ['configmaps'], pre: [{ exec: { command: ['never'] } }] },
      { name: 'shop', includedNamespaces: ['sh?p'], post: [{ exec: { command: ['three'], timeout: '0s' } }] },
    ],
  };

  it.each([
    ['by themselves', document],
    ['under their name', { hooks: document }],
    ['in a Backup', { apiVersion: 'velero.io/v1', kind: 'Backup', metadata: { name: 'b' }, spec: { ttl: '72h', hooks: document } }],
  ])('apply by namespace and labels, in their order, %s', async (_where, given) => {
    const rules = await readBackupHooks(await fileOf(given));
    const ruled = (labels: Record<string, string>, phase: HookPhase) =>
      ruledHooks(rules, pod('web', { labels }), phase).map(({ command }) => command[0]);
    expect(ruled({ app: 'db' }, 'pre')).toStrictEqual(['one', 'two']);
    expect(ruled({ app: 'db', canary: '' }, 'pre')).toStrictEqual([]);
    expect(ruled({}, 'post')).toStrictEqual(['three']);
    expect(ruledHooks(rules, pod('web', { labels: { app: 'db' } }), 'pre')).toStrictEqual([
      { container: '', command: ['one'], onError: 'fail', timeoutSeconds: 30 },
      { container: 'side', command: ['two'], onError: 'continue', timeoutSeconds: 120 },
    ]);
    expect(ruledHooks(rules, pod('web'), 'post')[0]).toMatchObject({ timeoutSeconds: 30 });
    const system = { ...pod('web'), metadata: { namespace: 'kube-system', labels: { app: 'db' } } };
    expect(ruledHooks(rules, system, 'pre')).toStrictEqual([]);
  });

  it.each([
    [{ resources: [{ pre: [{ exec: { command: [] } }] }] }, 'resources.0.pre.0.exec.command'],
    [{ resources: [{ pre: [{ exec: { command: ['x'], onError: 'fail' } }] }] }, 'resources.0.pre.0.exec.onError'],
    [{ resources: [{ pre: [{ exec: { command: ['x'], timeout: 'soon' } }] }] }, 'resources.0.pre.0.exec.timeout'],
    [{ resources: [{ prehooks: [] }] }, 'prehooks'],
    [{ resources: [{ labelSelector: { matchExpressions: [{ key: 'a b', operator: 'Exists' }] } }] }, 'labelSelector'],
    [{ resources: [{ postHooks: [] }] }, 'postHooks'],
    ['a: [', 'hooks-'],
    ['- a', 'top level'],
  ])('are refused with the file and the place of what is wrong: %j', async (given, place) => {
    const path = await fileOf(given);
    await expect(readBackupHooks(path)).rejects.toMatchObject({ type: 'BadInput', message: expect.stringContaining(path) as unknown });
    await expect(readBackupHooks(path)).rejects.toThrow(place);
  });

  it('are refused when there is no such file', async () => {
    await expect(readBackupHooks(join(folder, 'none.yaml'))).rejects.toThrow('none.yaml: cannot be read: ENOENT');
  });
});

describe('hooks of a restore', () => {
  it('are commands and init containers', async () => {
    const container = { name: 'prepare', image: 'busybox', command: ['sh'], volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const resources = [
      {
        name: 'both',
        includedNamespaces: ['shop'],
        labelSelector: { matchLabels: { app: 'db' } },
        postHooks: [
          { init: { initContainers: [container], timeout: '5m' } },
          { exec: { command: ['load'] } },
          { exec: { command: ['check'], container: 'db', onError: 'Continue', execTimeout: '1m', waitTimeout: '5m', waitForReady: true } },
        ],
      },
      { name: 'of other kinds', excludedResources: ['pods'], postHooks: [{ exec: { command: ['never'] } }] },
    ];
    expect(await readRestoreHooks(await fileOf({ spec: { backupName: 'b', hooks: { resources } } }))).toStrictEqual([
      {
        name: 'both',
        includedNamespaces: ['shop'],
        excludedNamespaces: [],
        labelSelector: 'app=db',
        commands: [
          { container: '', command: ['load'], onError: 'fail', execSeconds: 30, waitSeconds: 600, waitForReady: false },
          { container: 'db', command: ['check'], onError: 'continue', execSeconds: 60, waitSeconds: 300, waitForReady: true },
        ],
        initContainers: [container],
      },
    ]);
  });

  it.each([
    [{ postHooks: [{ exec: { command: 'load' } }] }, 'neither `exec` with a command nor `init`'],
    [{ postHooks: [{ init: { initContainers: [{ name: 'x' }] } }] }, 'neither `exec` with a command nor `init`'],
    [{ pre: [{ exec: { command: ['x'] } }] }, 'pre'],
  ])('are refused when they are neither: %j', async (resource, problem) => {
    await expect(readRestoreHooks(await fileOf({ resources: [resource] }))).rejects.toThrow(problem);
  });
});
