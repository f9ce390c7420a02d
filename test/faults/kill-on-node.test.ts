import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { VolumeRequest } from '../../contracts/volume.ts';
import { describeContent, makeContent } from '../movers/volume-content.ts';
import type { ChildCommand } from '../support/child-command.ts';
import { NodePlace } from '../support/node-place.ts';
import { folderVolume, namespace } from '../support/objects.ts';
import type { StartedRun } from '../support/place.ts';
import { until, type PlainObject } from '../support/raw-api.ts';
import { resticProcesses } from '../support/restic-processes.ts';

const SHOP = 'killed';
const APP = 'app=holder';
/** Bytes of a move after which everything stands still until the victim is dead: in the middle of it. */
const MIDDLE = 4_000_000;
const RUN_MS = 150_000;
const OUTAGE_MS = 2_000;
const VOLUMES: VolumeRequest = { policy: { rules: [] }, concurrency: 2, concurrencyPerNode: 2 };

/** kill -9 of whatever takes part, on a node with real pods: the run goes on to its end, everything is there, and nothing is left behind. */
describe('kill -9 while a volume is captured and restored on a node', () => {
  let env: NodePlace;
  let worker: ChildCommand;
  let folder: string;
  let runs = 0;

  beforeAll(async () => {
    env = await NodePlace.open({ temporal: true });
    folder = mkdtempSync(join(tmpdir(), 'holdfast-test-killed-'));
    worker = await env.place.startWorker();
  }, 300_000);

  afterAll(async () => {
    await env.close();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  const movers = () => resticProcesses(`${env.node.place.hostAddress}:${env.door.port}`);
  const volumeOf = (name: string) => join(folder, name);

  /** A pod whose hooks write down what was done to it, with a volume of some 12 MB. */
  async function application(name: string): Promise<void> {
    mkdirSync(volumeOf(name));
    makeContent(volumeOf(name), 300);
    // Of its own: what another volume has sent already would not be sent again.
    writeFileSync(join(volumeOf(name), 'own'), randomBytes(3 * MIDDLE));
    await env.place.api.create(namespace(name));
    const { volume, claim } = folderVolume({ namespace: name, claim: 'data', folder: volumeOf(name) });
    for (const object of [volume, claim, holder(name)]) await env.place.api.create(object);
    await env.holds(name, APP, 'true');
  }

  async function restartWorker(): Promise<void> {
    await worker.kill('SIGKILL');
    worker = await env.place.startWorker();
  }

  const VICTIMS: Readonly<Record<string, () => Promise<void>>> = {
    worker: restartWorker,
    mover: () => {
      const running = movers();
      expect(running).not.toEqual([]);
      for (const { pid } of running) process.kill(pid, 'SIGKILL');
      return Promise.resolve();
    },
    kubelet: async () => {
      await env.node.crash('kubelet');
      await delay(OUTAGE_MS);
      await env.node.mend();
    },
  };

  async function nothingIsLeft(name: string): Promise<void> {
    expect(await env.list(name, 'pods', 'app.kubernetes.io/managed-by=holdfast')).toEqual([]);
    expect(await env.list(name, 'secrets')).toEqual([]);
    expect(await env.list(name, 'persistentvolumeclaims', 'holdfast.dev/run')).toEqual([]);
    await until('no restic runs', () => Promise.resolve(movers().length === 0), 30_000);
  }

  async function lose(name: string): Promise<string> {
    const before = describeContent(volumeOf(name));
    await env.place.api.removeNamespaces(name);
    await env.place.api.remove(folderVolume({ namespace: name, claim: 'data', folder: volumeOf(name) }).volume);
    rmSync(volumeOf(name), { recursive: true });
    mkdirSync(volumeOf(name));
    return before;
  }

  it.each(Object.keys(VICTIMS))(
    'of the %s, in the middle of the capture and of the restore',
    async (victim) => {
      runs += 1;
      const name = `${SHOP}-${runs}`;
      await application(name);
      const capturing = env.door.holdAfter(MIDDLE);
      const backup = await env.place.startBackup(name, { namespaces: [name], volumes: VOLUMES });
      await Promise.race([capturing, endedEarly(backup)]);
      await VICTIMS[victim]?.();
      env.door.letGo();
      const captured = await within(backup.outcome());
      expect(captured.result).toMatchObject({
        phase: 'Completed',
        errors: [],
        volumes: [{ method: 'file-system', data: { kind: 'restic' } }],
      });
      // Frozen once or, when the worker died, perhaps again; and always let go.
      const [frozen = 0, released = 0] = (await env.sh(name, APP, 'wc -l </tmp/frozen; wc -l </tmp/released'))
        .trim()
        .split('\n')
        .map(Number);
      expect(released).toBeGreaterThanOrEqual(frozen);
      await nothingIsLeft(name);

      const before = await lose(name);
      const restoring = env.door.holdAfter(MIDDLE);
      const restore = await env.place.startRestore(`${name}-back`, {
        backup: name,
        volumes: { inPlace: false, checksum: true, concurrency: 2 },
      });
      await Promise.race([restoring, endedEarly(restore)]);
      await VICTIMS[victim]?.();
      env.door.letGo();
      const restored = await within(restore.outcome());
      expect(restored.result).toMatchObject({ phase: 'Completed', errors: [], volumes: [{ outcome: 'restored' }] });
      expect(describeContent(volumeOf(name))).toBe(before);
      await env.holds(name, APP, 'true');
      await nothingIsLeft(name);
    },
    400_000,
  );

  it('of the worker while the application is being quiesced', async () => {
    const name = `${SHOP}-quiesced`;
    await application(name);
    await env.sh(name, APP, 'touch /tmp/slow');
    const backup = await env.place.startBackup(name, { namespaces: [name], volumes: VOLUMES });
    await env.holds(name, APP, 'test -s /tmp/frozen');
    await worker.kill('SIGKILL');
    await env.sh(name, APP, 'rm /tmp/slow');
    worker = await env.place.startWorker();
    const captured = await within(backup.outcome());
    expect(captured.result).toMatchObject({ phase: 'Completed', errors: [] });
    expect(Number(await env.sh(name, APP, 'wc -l </tmp/released'))).toBeGreaterThanOrEqual(1);
    await nothingIsLeft(name);
  }, 300_000);
});

async function within<T>(outcome: Promise<T>): Promise<T> {
  const late = delay(RUN_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the run did not end within ${RUN_MS / 1_000} s`);
  });
  return Promise.race([outcome, late]);
}

async function endedEarly(run: StartedRun<unknown>): Promise<never> {
  throw new Error(`the run ended before its middle: ${JSON.stringify(await run.outcome())}`);
}

function holder(name: string): PlainObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: name, name: 'holder' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'holder' } },
      template: {
        metadata: {
          labels: { app: 'holder' },
          annotations: {
            'pre.hook.backup.velero.io/command': '["sh", "-c", "echo >>/tmp/frozen; while test -e /tmp/slow; do sleep 0.2; done"]',
            'pre.hook.backup.velero.io/timeout': '5m',
            'post.hook.backup.velero.io/command': '["sh", "-c", "echo >>/tmp/released"]',
          },
        },
        spec: {
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'main',
              image: 'holdfast/busybox:1',
              imagePullPolicy: 'Never',
              command: ['sh', '-c', 'touch /tmp/frozen /tmp/released; while :; do sleep 1; done'],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      },
    },
  };
}
