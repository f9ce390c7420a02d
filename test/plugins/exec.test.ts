import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../../contracts/failures.ts';
import { execPlugin } from '../../plugins/exec.ts';
import type { QuiesceSubject } from '../../plugins/plugin.ts';
import { localExecCluster } from '../support/local-exec-cluster.ts';
import { pluginContext, pod, stateOf } from '../support/plugin-context.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const subjectOf = (pods: QuiesceSubject['pods']): QuiesceSubject => ({ namespace: 'shop', pods, workloads: [], claims: [], methods: {} });

async function setUp(annotations: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-hooks-'));
  const cluster = localExecCluster({ env: { PATH: process.env['PATH'] ?? '', FOLDER: folder } });
  cleanups.push(
    () => cluster.stop(),
    () => rm(folder, { recursive: true }),
  );
  const plugin = execPlugin();
  const [task] = plugin.plan(subjectOf([pod('web', { annotations })]));
  const journal = () => readFile(join(folder, 'journal'), 'utf8').catch(() => '');
  return { plugin, task: task!, kept: pluginContext(cluster), cluster, journal };
}

const say = (word: string, then = 'true') => JSON.stringify(['sh', '-c', `echo ${word} >> $FOLDER/journal; ${then}`]);
const PRE = 'pre.hook.backup.velero.io';
const POST = 'post.hook.backup.velero.io';

describe('the exec plugin', () => {
  it('plans a task for each running pod with hooks, and promises what is declared only', () => {
    const annotations = { [`${PRE}/command`]: 'x' };
    const leaving = pod('leaving', { annotations });
    const pods = [
      pod('web', { annotations }),
      pod('done', { annotations, phase: 'Succeeded' }),
      pod('new', { annotations, phase: 'Pending' }),
      { ...leaving, metadata: { ...(leaving['metadata'] as object), deletionTimestamp: '2026-11-22T00:00:00Z' } },
      pod('plain'),
      pod('sure', {
        annotations: { ...annotations, 'holdfast.dev/hook-guarantee': 'application', 'holdfast.dev/quiesce-on-error': 'continue' },
      }),
    ];
    const tasks = execPlugin().plan(subjectOf(pods));
    expect(tasks.map(({ id, guarantee, onError, claims }) => [id, guarantee, onError, claims])).toStrictEqual([
      ['exec/shop/web', 'none', 'fail', ['data']],
      ['exec/shop/sure', 'application', 'continue', ['data']],
    ]);
    expect(tasks[0]?.settings['pre']).toStrictEqual([{ container: '', command: ['x'], onError: 'fail', timeoutSeconds: 30 }]);
  });

  it('an annotation takes the place of the rules, each time for itself', () => {
    const rule = [{ container: '', command: ['rule'], onError: 'fail' as const, timeoutSeconds: 30 }];
    const rules = [{ name: '', includedNamespaces: [], excludedNamespaces: [], labelSelector: '', pre: rule, post: rule }];
    const [task] = execPlugin(rules).plan(subjectOf([pod('web', { annotations: { [`${PRE}/command`]: 'own' } })]));
    expect(task?.settings).toMatchObject({ pre: [{ command: ['own'] }], post: [{ command: ['rule'] }] });
  });

  it('runs the commands before and after', async () => {
    const { plugin, task, kept, journal } = await setUp({ [`${PRE}/command`]: say('before'), [`${POST}/command`]: say('after') });
    const outcome = await plugin.quiesce(task, kept.context);
    expect(outcome).toStrictEqual({ state: {}, warnings: [] });
    expect(await journal()).toBe('before\n');
    await plugin.release(task, stateOf(task, outcome), kept.context);
    expect(await journal()).toBe('before\nafter\n');
  });

  it('a command that fails lets go and ends it, with its exit code and words', async () => {
    const { plugin, task, kept, journal } = await setUp({
      [`${PRE}/command`]: say('before', 'echo "no disk" >&2; exit 7'),
      [`${POST}/command`]: say('after'),
    });
    await expect(plugin.quiesce(task, kept.context)).rejects.toMatchObject({
      type: 'Conflict',
      message: 'exec of shop/web: the command before the backup failed: sh ended with exit code 7: no disk',
    });
    expect(await journal()).toBe('before\nafter\n');
  });

  it('a command that may fail is a warning, and nothing is promised any more', async () => {
    const { plugin, task, kept } = await setUp({ [`${PRE}/command`]: 'no-such-program', [`${PRE}/on-error`]: 'Continue' });
    expect(await plugin.quiesce(task, kept.context)).toMatchObject({ broken: true, warnings: [{ code: 'HookFailed' }] });
  });

  it('does not wait for ever', async () => {
    const { plugin, task, kept } = await setUp({ [`${PRE}/command`]: '["sleep","60"]', [`${PRE}/timeout`]: '1s' });
    const begin = performance.now();
    await expect(plugin.quiesce(task, kept.context)).rejects.toMatchObject({
      message: expect.stringContaining('did not end within 1 s') as unknown,
    });
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  it('is tried again when the connection is lost, and not when the pod is gone', async () => {
    const { plugin, task, kept } = await setUp({ [`${PRE}/command`]: 'x', [`${PRE}/on-error`]: 'Continue' });
    const failing = (type: 'Unavailable' | 'NotFound') => ({
      ...kept.context,
      cluster: { ...kept.context.cluster, exec: () => Promise.reject(new HoldfastError(type, 'gone')) },
    });
    await expect(plugin.quiesce(task, failing('Unavailable'))).rejects.toMatchObject({ type: 'Unavailable' });
    expect(await plugin.quiesce(task, failing('NotFound'))).toMatchObject({ broken: true });
  });

  it('a command after that fails is told, and after all that were to be run', async () => {
    const { plugin, task, kept } = await setUp({ [`${POST}/command`]: 'false' });
    await expect(plugin.release(task, undefined, kept.context)).rejects.toMatchObject({
      message: expect.stringContaining('after the backup failed') as unknown,
    });
  });
});
