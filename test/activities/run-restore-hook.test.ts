import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Cluster, ExecRequest, ExecResult } from '../../kubernetes/port.ts';
import type { RestoreHook } from '../../contracts/hook.ts';
import { runRestoreHook } from '../../activities/hooks/run-restore-hook.ts';
import { listingCluster } from '../support/fake-cluster.ts';
import { pod } from '../support/plugin-context.ts';

const WHERE = { namespace: 'shop', pod: 'web' };
const hook = (more: Partial<RestoreHook> = {}): RestoreHook => ({
  container: '',
  command: ['load', 'it'],
  onError: 'continue',
  execSeconds: 30,
  waitSeconds: 600,
  waitForReady: false,
  ...more,
});
const containers = (...states: readonly { readonly name: string; readonly ready?: boolean; readonly running?: boolean }[]): JsonObject => ({
  ...pod('web'),
  status: {
    phase: 'Running',
    containerStatuses: states.map(({ name, ready = false, running = true }) => ({
      name,
      ready,
      state: running ? { running: {} } : { waiting: {} },
    })),
  },
});

/** A pod that changes with each look, and a command that ends as told. */
function fakes(
  looks: readonly (JsonObject | undefined)[],
  exec: () => Promise<ExecResult> = () => Promise.resolve({ exitCode: 0, stdout: '', stderr: '' }),
) {
  const requests: ExecRequest[] = [];
  let look = 0;
  const cluster: Cluster = {
    ...listingCluster(new Map()),
    get: () => {
      const object = looks[Math.min(look, looks.length - 1)];
      look += 1;
      return Promise.resolve(object && { object, bytes: Buffer.alloc(0) });
    },
    exec: (request) => {
      requests.push(request);
      return exec();
    },
  };
  const run = (one: RestoreHook, signal = new AbortController().signal) =>
    runRestoreHook(one, WHERE, { cluster, signal, beat: () => undefined });
  return { run, requests, looks: () => look };
}

describe('restore hooks', () => {
  it('wait for the container, and for it to be ready when that is asked for', async () => {
    const waiting = containers({ name: 'main', running: false });
    const running = containers({ name: 'main' }, { name: 'sidecar', ready: true });
    const first = fakes([{ ...pod('web'), status: {} }, waiting, running]);
    expect(await first.run(hook())).toBeUndefined();
    expect([first.looks(), first.requests]).toStrictEqual([3, [{ ...WHERE, container: '', command: ['load', 'it'] }]]);
    const second = fakes([running, containers({ name: 'main', ready: true })]);
    expect(await second.run(hook({ waitForReady: true }))).toBeUndefined();
    expect(second.looks()).toBe(2);
  });

  it.each([
    [[undefined], 'the pod is gone'],
    [[{ ...pod('web'), status: { phase: 'Failed' } }], 'the pod has ended'],
    [[containers({ name: 'main', running: false })], 'its container did not run within 1 s'],
  ])('tell why they cannot be run: %#', async (looks, problem) => {
    const { run, requests } = fakes(looks);
    expect(await run(hook({ waitSeconds: 1 }))).toMatchObject({
      code: 'RestoreHookFailed',
      message: `restore hook of shop/web: ${problem}`,
    });
    expect(requests).toStrictEqual([]);
  });

  it('name a container that the pod has not, without waiting for it', async () => {
    const { run, requests } = fakes([containers({ name: 'main' })]);
    expect((await run(hook({ container: 'other' })))?.message).toBe('restore hook of shop/web: it has no container "other"');
    expect(requests).toStrictEqual([]);
  });

  it('tell exit codes, timeouts and refusals, and are tried again when the connection is lost', async () => {
    const there = [containers({ name: 'main' })];
    const failed = fakes(there, () => Promise.resolve({ exitCode: 3, stdout: '', stderr: 'no\ndata' }));
    expect((await failed.run(hook()))?.message).toBe('restore hook of shop/web: load ended with exit code 3: no data');
    const refused = fakes(there, () => Promise.reject(new HoldfastError('Forbidden', 'you may not')));
    expect((await refused.run(hook()))?.message).toBe('restore hook of shop/web: you may not');
    const lost = fakes(there, () => Promise.reject(new HoldfastError('Unavailable', 'gone')));
    await expect(lost.run(hook())).rejects.toMatchObject({ type: 'Unavailable' });
    const canceled = fakes(there, () => Promise.reject(new Error('cut')));
    await expect(canceled.run(hook(), AbortSignal.abort(new Error('canceled')))).rejects.toThrow('canceled');
  });
});
