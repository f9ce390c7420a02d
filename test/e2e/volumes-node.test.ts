import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import type { CapturedVolume, MovedData } from '../../contracts/volume.ts';
import { runInNode } from '../../sandbox/node/enter-node.ts';
import { changeContent, describeContent, makeContent } from '../movers/volume-content.ts';
import { NodePlace } from '../support/node-place.ts';
import { folderVolume, namespace } from '../support/objects.ts';
import type { PlainObject } from '../support/raw-api.ts';

/** Everything of the volume, times included. */
const SUM = 'cd /data && (find . -type f -exec sha256sum {} + ; find . -mindepth 1 -exec stat -c "%n %a %u:%g %Y" {} +) | sort';
const WRITE = `mkdir -p /data/deep; for n in $(seq 1 200); do [ -e /data/deep/$n ] || head -c $((n * 100)) /dev/urandom >/data/deep/$n; done; chmod 600 /data/deep/7;
  chown 77:88 /data/deep/8; [ -L /data/link ] || ln -s deep /data/link; touch /tmp/ready; while :; do sleep 1; done`;
const HOOKS = {
  'pre.hook.backup.velero.io/command': '["sh", "-c", "date >>/data/quiesced"]',
  'post.hook.backup.velero.io/command': '["sh", "-c", "date >>/tmp/released"]',
};
const GIB = 1024 ** 3;
const FILES = 20_000;

describe('a volume on a real node', () => {
  let env: NodePlace;

  beforeAll(async () => {
    env = await NodePlace.open();
  }, 240_000);

  afterAll(() => env.close(), 120_000);

  /** A namespace with a deployment that mounts a folder by a claim. */
  async function application(
    name: string,
    { folder, script, annotations = {} }: { folder: string; script: string; annotations?: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { volume, claim } = folderVolume({ namespace: name, claim: 'data', folder });
    for (const object of [namespace(name), volume, claim, writer(name, script, annotations)]) await env.place.api.create(object);
    await env.holds(name, 'app=writer', 'test -e /tmp/ready');
  }

  async function lose(name: string): Promise<void> {
    await env.place.api.removeNamespaces(name);
    await env.place.api.remove(folderVolume({ namespace: name, claim: 'data', folder: '' }).volume);
  }

  async function capturedVolumes(backup: string): Promise<readonly CapturedVolume[]> {
    const { volumes } = SCHEMAS['backup-describe'].parse(JSON.parse((await env.hold(`backup describe ${backup} -o json`)).stdout));
    return (volumes ?? []) as readonly CapturedVolume[];
  }

  const movers = (name: string) => env.list(name, 'pods', 'app.kubernetes.io/managed-by=holdfast');

  it('is captured by a pod beside its workload, lost, and there again before the workload starts', async () => {
    const name = 'on-node';
    const folder = '/var/lib/holdfast-test-volume';
    await application(name, { folder, script: WRITE, annotations: HOOKS });
    const sh = (script: string) => env.sh(name, 'app=writer', script);
    expect(await env.hold(`backup create first -n ${name}`)).toMatchObject({ code: 0 });
    expect(await capturedVolumes('first')).toMatchObject([
      { claim: 'data', method: 'file-system', quiescedBy: 'exec', data: { kind: 'restic', files: 201 } },
    ]);
    expect((await sh('wc -l </data/quiesced; wc -l </tmp/released')).split('\n').map(Number)).toEqual([1, 1, 0]);
    const before = await sh(SUM);
    expect(await movers(name)).toEqual([]);

    await lose(name);
    await runInNode(env.node.place, ['rm', '-rf', folder]);
    const restored = await env.hold('restore create back --from-backup first --checksum');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume on-node\/data: 201 files, .* restored and compared/) });
    await env.holds(name, 'app=writer', 'test -e /tmp/ready');
    expect(await sh(SUM)).toBe(before);
    expect(await env.list(name, 'secrets')).toEqual([]);
    expect(await movers(name)).toEqual([]);
  }, 300_000);

  it('of 1 GiB in 20,000 files of every sort comes back equal, and one part in a hundred that changed is all that is stored anew', async () => {
    const name = 'large';
    const root = mkdtempSync(join(tmpdir(), 'holdfast-test-large-'));
    const folder = join(root, 'data');
    try {
      mkdirSync(folder);
      // A fifth of the files has all of it, a fifth half of it: 0.3 of it each.
      makeContent(folder, FILES, Math.ceil(GIB / FILES / 0.3));
      await application(name, { folder, script: 'touch /tmp/ready; while :; do sleep 1; done' });
      expect(await env.hold(`backup create whole -n ${name}`)).toMatchObject({ code: 0 });
      const whole = await movedData('whole');
      expect(whole.bytes).toBeGreaterThan(0.97 * GIB);
      expect(whole.files).toBeGreaterThan(FILES);
      changeContent(folder);
      expect(await env.hold(`backup create changed -n ${name}`)).toMatchObject({ code: 0 });
      const changed = await movedData('changed');
      expect(changed.addedBytes).toBeGreaterThan(0.0005 * whole.addedBytes);
      expect(changed.addedBytes).toBeLessThan(0.02 * whole.addedBytes);

      const before = describeContent(folder);
      await lose(name);
      rmSync(folder, { recursive: true });
      expect(await env.hold('restore create large --from-backup changed')).toMatchObject({ code: 0 });
      expect(describeContent(folder)).toBe(before);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }, 600_000);

  async function movedData(backup: string): Promise<MovedData> {
    const [volume] = await capturedVolumes(backup);
    if (volume?.data?.kind !== 'restic') throw new Error(`backup ${backup} has no data of the volume`);
    return volume.data;
  }
});

function writer(name: string, script: string, annotations: Readonly<Record<string, string>>): PlainObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: name, name: 'writer' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'writer' } },
      template: {
        metadata: { labels: { app: 'writer' }, annotations },
        spec: {
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'main',
              image: 'holdfast/busybox:1',
              imagePullPolicy: 'Never',
              command: ['sh', '-c', script],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      },
    },
  };
}
