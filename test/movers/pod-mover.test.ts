import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import { PodMover } from '../../movers/pod-mover.ts';
import type { BackupTask, MoveOptions, RestoreTask } from '../../movers/port.ts';
import { ended, evicted, running, scriptedCluster, waiting, type PodScript } from './scripted-pods.ts';

const SUMMARY = '{"message_type":"summary","total_files_processed":7,"total_bytes_processed":4000,"snapshot_id":"abc"}';
const COUNT = '{"message_type":"holdfast_count","files":7,"bytes":4000}';
const RESTORED = '{"message_type":"summary","total_files":7,"files_restored":7}';
const repository = {
  url: 's3:https://h/b',
  password: 'password-canary',
  environment: { AWS_SECRET_ACCESS_KEY: 'key-canary' },
  authority: '',
};
const task = {
  id: 'abc',
  source: { kind: 'claim', namespace: 'shop', claim: 'data', node: '' },
  volumeMode: 'Filesystem',
  repository,
} as const;
const backup: BackupTask = { ...task, host: 'shop/data', backup: 'nightly' };
const restore: RestoreTask = { ...task, snapshot: 'abc', path: '/', exact: false, checksum: false };
const quiet: MoveOptions = { signal: new AbortController().signal, onProgress: () => undefined };
const settings = { image: 'restic', pollMs: 1, startTimeoutMs: 30 };
const good: PodScript = { states: [waiting(), running, ended(0)], logs: [[SUMMARY]] };

function play(...pods: readonly PodScript[]) {
  const cluster = scriptedCluster(pods);
  return { cluster, mover: new PodMover(cluster, settings) };
}

describe('a mover in a pod', () => {
  it('makes the Secret before the pod, gives it to the pod, and removes both', async () => {
    const { cluster, mover } = play(good);
    expect(await mover.backup(backup, quiet)).toMatchObject({ snapshot: 'abc', files: 7, bytes: 4000 });
    expect(cluster.calls.slice(0, 3)).toEqual(['apply secrets', 'create pods', 'apply secrets']);
    expect(cluster.applied[1]).toMatchObject({ metadata: { ownerReferences: [{ kind: 'Pod', uid: 'uid-1' }] } });
    expect(cluster.objects.size).toBe(0);
  });

  it.each<[string, PodScript, object]>([
    [
      'restic fails',
      { states: [running, ended(12, 'Error')], logs: [['{"message_type":"exit_error","code":12,"message":"wrong"}']] },
      { type: 'BadInput' },
    ],
    [
      'the pod never starts',
      { states: [waiting('ImagePullBackOff', 'no such image')] },
      { type: 'Unavailable', message: expect.stringMatching(/ImagePullBackOff: no such image/) },
    ],
    [
      'the log cannot be read',
      { states: [running, ended(0)], logs: [new HoldfastError('Unavailable', 'no kubelet')] },
      { type: 'Unavailable', message: expect.stringMatching(/log cannot be read/) },
    ],
  ])(
    'leaves nothing when %s',
    async (_, script, failure) => {
      const { cluster, mover } = play(script);
      await expect(mover.backup(backup, quiet)).rejects.toMatchObject(failure);
      expect(cluster.created).toHaveLength(1);
      expect(cluster.objects.size).toBe(0);
    },
    20_000,
  );

  it('is replaced when it is deleted or killed, and the next one looks after what it had sent', async () => {
    const killed: PodScript = {
      states: [running, running, ended(137, 'OOMKilled')],
      logs: [['{"message_type":"error","error":{"message":"no"},"item":"/a"}']],
    };
    const { cluster, mover } = play({ states: [running, 'gone'] }, killed, good);
    const moved = await mover.backup(backup, quiet);
    expect(moved).toMatchObject({ files: 7 });
    // The problems of a pod that came to nothing are not those of the capture.
    expect(moved).not.toHaveProperty('unread');
    const recovers = cluster.created.map((pod) => JSON.stringify(pod).includes('HOLDFAST_RECOVER","value":"1"'));
    expect(recovers).toEqual([false, true, true]);
    expect(cluster.objects.size).toBe(0);
  });

  it('is not replaced for ever', async () => {
    const lost: PodScript = { states: [evicted] };
    const { cluster, mover } = play(lost, lost, lost, lost, good);
    await expect(mover.backup(backup, quiet)).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringMatching(/Evicted: The node was low/) as unknown,
    });
    expect(cluster.created).toHaveLength(3);
    expect(cluster.objects.size).toBe(0);
  });

  it('reads its log again when the stream breaks, and the rest of it when the end was lost', async () => {
    const broken = new HoldfastError('Unavailable', 'reset');
    const { cluster, mover } = play({
      states: [running, running, running, running, ended(0)],
      logs: [broken, [], ['{"message_type":"stat'], [SUMMARY]],
    });
    expect(await mover.backup(backup, quiet)).toMatchObject({ files: 7 });
    expect(cluster.calls).toContain('read log');
  });

  it('counts what it reads twice once', async () => {
    const problem = '{"message_type":"error","error":{"message":"no"},"item":"/a"}';
    const { mover } = play({ states: [running, running, ended(3)], logs: [[problem], [problem, SUMMARY]] });
    expect(await mover.backup(backup, quiet)).toMatchObject({ unread: { count: 1, examples: ['/a: no'] } });
  });

  it('goes on with the pod that an earlier attempt has started', async () => {
    const { cluster, mover } = play({ states: [running, running, running, ended(0)], logs: [[SUMMARY]] });
    await cluster.create(
      {
        type: { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true },
        namespace: 'shop',
        name: 'holdfast-mover-abc',
      },
      {
        metadata: { name: 'holdfast-mover-abc', labels: { 'app.kubernetes.io/managed-by': 'holdfast' } },
      },
      { fieldManager: 'x' },
    );
    expect(await mover.backup(backup, quiet)).toMatchObject({ files: 7 });
    expect(cluster.created).toHaveLength(1);
    expect(cluster.objects.size).toBe(0);
  });

  it('touches no pod of somebody else that has its name', async () => {
    const { cluster, mover } = play({ states: [running] });
    await cluster.create(
      {
        type: { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true },
        namespace: 'shop',
        name: 'holdfast-mover-abc',
      },
      { metadata: { name: 'holdfast-mover-abc' } },
      { fieldManager: 'x' },
    );
    await expect(mover.backup(backup, quiet)).rejects.toMatchObject({ type: 'Forbidden' });
    expect([...cluster.objects.keys()]).toEqual(['pods/holdfast-mover-abc']);
  });

  it('says what an event says when the pod says nothing', async () => {
    const event = (uid: string, message: string, lastTimestamp: string) => ({
      type: 'Warning',
      reason: 'FailedMount',
      message,
      lastTimestamp,
      involvedObject: { uid },
    });
    const cluster = scriptedCluster(
      [{ states: [waiting()] }],
      [
        event('uid-1', 'later', '2026-01-02T00:00:00Z'),
        event('uid-1', 'earlier', '2026-01-01T00:00:00Z'),
        event('other', 'other', '2026-01-03T00:00:00Z'),
      ],
    );
    await expect(new PodMover(cluster, settings).backup(backup, quiet)).rejects.toMatchObject({
      message: expect.stringMatching(/has not started: FailedMount: later/) as unknown,
    });
  });

  it('takes pod and Secret away before a cancelled call ends', async () => {
    const stop = new AbortController();
    const { cluster, mover } = play({ states: [waiting()] });
    const attempt = mover.backup(backup, { signal: stop.signal, onProgress: () => undefined });
    setTimeout(() => {
      stop.abort(new Error('cancelled by the user'));
    }, 10);
    await expect(attempt).rejects.toThrow('cancelled by the user');
    expect(cluster.objects.size).toBe(0);
  });

  it('has restored what the pod has counted, and nothing that it has not', async () => {
    const { mover } = play({ states: [running, ended(0)], logs: [[RESTORED, COUNT]] });
    expect(await mover.restore(restore, quiet)).toEqual({ files: 7, bytes: 4000 });
    const without = play({ states: [running, ended(0)], logs: [[RESTORED]] });
    await expect(without.mover.restore(restore, quiet)).rejects.toMatchObject({
      message: expect.stringMatching(/has not counted/) as unknown,
    });
  });

  it('takes claims and no folders, and names that Kubernetes takes', async () => {
    const { cluster, mover } = play(good);
    expect(mover.reaches(task.source)).toBe(true);
    expect(mover.reaches({ kind: 'folder', path: '/x' })).toBe(false);
    await expect(mover.backup({ ...backup, id: 'Upper' }, quiet)).rejects.toMatchObject({ type: 'BadInput' });
    await expect(mover.backup({ ...backup, source: { kind: 'folder', path: '/x' } }, quiet)).rejects.toMatchObject({ type: 'BadInput' });
    expect(cluster.calls).toEqual([]);
  });
});
