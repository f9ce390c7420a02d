import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { fsfreezePlugin } from '../../plugins/fsfreeze.ts';
import { mountDisk } from '../support/disk-image.ts';
import { localExecCluster } from '../support/local-exec-cluster.ts';
import { pluginContext, pod, stateOf } from '../support/plugin-context.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function plan(folder: string, annotations: Record<string, string> = {}): QuiesceTask {
  const one = pod('db-0', { mountPath: folder, annotations });
  const [task] = fsfreezePlugin.plan({ namespace: 'shop', pods: [one], workloads: [], claims: [], methods: {} });
  return task!;
}

async function setUp() {
  const base = await mkdtemp(join(tmpdir(), 'hffz-'));
  const folder = join(base, 'volume');
  const disk = await mountDisk(folder, 20);
  const cluster = localExecCluster({ env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  cleanups.push(
    () => rm(base, { recursive: true, force: true }),
    () => {
      disk.unmount();
    },
    () => {
      thaw(folder);
    },
    () => cluster.stop(),
  );
  return { folder, cluster };
}

const thaw = (folder: string) => {
  try {
    execFileSync('fsfreeze', ['--unfreeze', folder], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
};

/** Whether a file can be written now; a frozen file system lets the writer wait. */
const isWritable = (folder: string) =>
  new Promise<boolean>((resolve) => {
    const writer = execFile('sh', ['-c', 'echo x > "$1/probe"', 'x', folder], { timeout: 400, killSignal: 'SIGKILL' }, (error) => {
      resolve(error === null);
    });
    writer.unref();
    // A writer that waits in the kernel ends when the file system is thawed: it is not waited for.
    setTimeout(() => {
      resolve(false);
    }, 600).unref();
  });

const tokens = async () => (await readdir('/dev/shm')).filter((name) => name.startsWith('holdfast-'));

describe('the fsfreeze plugin', () => {
  it('stops writing until the release, also when both are repeated', async () => {
    const { folder, cluster } = await setUp();
    const { context } = pluginContext(cluster);
    const task = plan(folder);
    expect(task).toMatchObject({ id: 'fsfreeze/shop/db-0', claims: ['data'], guarantee: 'file-system' });
    expect(await isWritable(folder)).toBe(true);
    await fsfreezePlugin.quiesce(task, context);
    const state = stateOf(task, await fsfreezePlugin.quiesce(task, context));
    expect(await isWritable(folder)).toBe(false);
    await fsfreezePlugin.renew(task, state, context);
    expect(await fsfreezePlugin.release(task, state, context)).toStrictEqual({ state: {}, warnings: [] });
    expect(await isWritable(folder)).toBe(true);
    expect(await tokens()).toStrictEqual([]);
    expect(await fsfreezePlugin.release(task, undefined, context)).toStrictEqual({ state: {}, warnings: [] });
  });

  it('the pod thaws by itself at the end of the lease, and only then', async () => {
    const { folder, cluster } = await setUp();
    const { context } = pluginContext(cluster);
    const task = { ...plan(folder), leaseSeconds: 3 };
    const state = stateOf(task, await fsfreezePlugin.quiesce(task, context));
    for (let round = 0; round < 4; round += 1) {
      await sleep(1_000);
      await fsfreezePlugin.renew(task, state, context);
    }
    expect(await isWritable(folder)).toBe(false);
    // Nobody renews any more: neither we nor the connection are there.
    await sleep(5_500);
    expect(await isWritable(folder)).toBe(true);
    expect(await tokens()).toStrictEqual([]);
    await expect(fsfreezePlugin.renew(task, state, context)).rejects.toMatchObject({ type: 'Conflict' });
    expect(await fsfreezePlugin.release(task, state, context)).toMatchObject({ broken: true, warnings: [{ code: 'QuiesceLost' }] });
  });

  it('the watch of a lease that was released does not thaw the next one', async () => {
    const { folder, cluster } = await setUp();
    const first = pluginContext(cluster, 'first').context;
    const second = pluginContext(cluster, 'second').context;
    const task = { ...plan(folder), leaseSeconds: 3 };
    await fsfreezePlugin.release(task, stateOf(task, await fsfreezePlugin.quiesce(task, first)), first);
    const state = stateOf(task, await fsfreezePlugin.quiesce(task, second));
    for (let round = 0; round < 5; round += 1) {
      await sleep(1_000);
      await fsfreezePlugin.renew(task, state, second);
    }
    expect(await isWritable(folder)).toBe(false);
    expect(await fsfreezePlugin.release(task, state, second)).not.toHaveProperty('broken');
  });

  it('thaws what a watch that died with its container left behind', async () => {
    const { folder, cluster } = await setUp();
    const { context } = pluginContext(cluster);
    const task = plan(folder);
    const state = stateOf(task, await fsfreezePlugin.quiesce(task, context));
    for (const token of await tokens()) await rm(join('/dev/shm', token));
    expect(await fsfreezePlugin.release(task, state, context)).toMatchObject({ broken: true });
    expect(await isWritable(folder)).toBe(true);
  });

  it('leaves the freeze of somebody else as it is', async () => {
    const { folder, cluster } = await setUp();
    execFileSync('fsfreeze', ['--freeze', folder]);
    const { context } = pluginContext(cluster);
    await expect(fsfreezePlugin.quiesce(plan(folder), context)).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringMatching(/fsfreeze of shop\/db-0: it cannot be frozen: .*busy/) as unknown,
    });
    expect(await isWritable(folder)).toBe(false);
    expect(thaw(folder)).toBe(true);
    expect(await tokens()).toStrictEqual([]);
  });

  it('with several mounts it freezes all of them or none', async () => {
    const { folder, cluster } = await setUp();
    const other = await setUp();
    const { context } = pluginContext(cluster);
    const mounts = [folder, other.folder].map((mountPath) => ({ claim: 'data', mountPath, subPath: '' }));
    const task = { ...plan(folder), settings: { ...plan(folder).settings, mounts } };
    execFileSync('fsfreeze', ['--freeze', other.folder]);
    await expect(fsfreezePlugin.quiesce(task, context)).rejects.toMatchObject({ type: 'Conflict' });
    expect([await isWritable(folder), await isWritable(other.folder)]).toStrictEqual([true, false]);
    thaw(other.folder);
    const state = stateOf(task, await fsfreezePlugin.quiesce(task, context));
    expect([await isWritable(folder), await isWritable(other.folder)]).toStrictEqual([false, false]);
    await fsfreezePlugin.release(task, state, context);
    expect([await isWritable(folder), await isWritable(other.folder)]).toStrictEqual([true, true]);
  });

  it('refuses what is no volume of its own: the node would be frozen with it', async () => {
    const { folder, cluster } = await setUp();
    const { context } = pluginContext(cluster);
    await mkdir(join(folder, 'sub'));
    const bound = `${folder}-bound`;
    await mkdir(bound);
    execFileSync('mount', ['--bind', join(folder, 'sub'), bound]);
    cleanups.push(() => execFileSync('umount', [bound]));
    await expect(fsfreezePlugin.quiesce(plan(bound), context)).rejects.toMatchObject({
      message: expect.stringContaining('is a folder of a larger file system') as unknown,
    });
    await expect(fsfreezePlugin.quiesce(plan(join(folder, 'sub')), context)).rejects.toMatchObject({
      message: expect.stringContaining('is no mount point') as unknown,
    });
    expect(await isWritable(folder)).toBe(true);
    const allowed = plan(bound, { 'holdfast.dev/fsfreeze-shared': 'allow' });
    const state = stateOf(allowed, await fsfreezePlugin.quiesce(allowed, context));
    expect(await isWritable(folder)).toBe(false);
    await fsfreezePlugin.release(allowed, state, context);
  });

  it('says what the container lacks', async () => {
    const { folder } = await setUp();
    const bare = localExecCluster({ env: { PATH: '/nowhere' } });
    cleanups.push(() => bare.stop());
    await expect(fsfreezePlugin.quiesce(plan(folder), { ...pluginContext(bare).context })).rejects.toMatchObject({ type: 'Conflict' });
  });
});
