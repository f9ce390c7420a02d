import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backupWorkflowId } from '../../contracts/workflow-ids.ts';
import type { ChildCommand } from '../support/child-command.ts';
import { namespace } from '../support/objects.ts';
import { until } from '../support/raw-api.ts';
import { StorageSite } from '../support/storage-site.ts';

const PAIRS = 8;
const GROUP_CLASS = {
  apiVersion: 'groupsnapshot.storage.k8s.io/v1',
  kind: 'VolumeGroupSnapshotClass',
  metadata: { name: 'holdfast-csi' },
  driver: 'csi.holdfast.dev',
  deletionPolicy: 'Delete',
};
const MOVERS = 'app.kubernetes.io/component=mover';
const STORAGE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  provisioner: 'csi.holdfast.dev',
  volumeBindingMode: 'WaitForFirstConsumer',
};
/**
 * The first time: fills the folders that it is given with data, and then writes the same number to a file in each of them, again and again. Data
 * between them makes a copy that is not of one moment show. Where there is data already it is left as it is.
 */
const writer = (...folders: readonly string[]) => `set -- ${folders.join(' ')}
if [ ! -e $1/filled ]; then
  for f in "$@"; do mkdir -p $f; head -c 3000000 /dev/urandom >$f/filler; done
  touch $1/filled
  n=0
  while :; do n=$((n + 1)); for f in "$@"; do echo $n >>$f/numbers; done; sleep 0.005; done
fi
touch /tmp/kept; while :; do sleep 1; done`;
const foldersOf = (claim: string) => Array.from({ length: PAIRS }, (_, index) => `/data/${claim}/${index}`);
const FILLED = 'test -e /data/*/0/filled && test $(cat /data/*/0/numbers | wc -l) -gt 5';

describe('volumes of a driver with snapshots', () => {
  let site: StorageSite;
  let worker: ChildCommand;

  beforeAll(async () => {
    site = await StorageSite.open();
    worker = await site.place.startWorker();
  }, 300_000);

  afterAll(() => site.close(), 120_000);

  /** A deployment `writer` that fills the claim `data`. */
  async function fill(name: string, storageClass: string): Promise<void> {
    await site.place.api.create(namespace(name));
    await site.claim(name, 'data', { storageClass });
    await site.run({ namespace: name, name: 'writer', claims: ['data'], script: writer(...foldersOf('data')) });
    await site.shows(name, 'writer', FILLED);
  }

  /** How far the files were written, in the order of writing. */
  async function counts(name: string, ...folders: readonly string[]): Promise<readonly number[]> {
    const said = await site.sh(name, 'writer', `for f in ${folders.join(' ')}; do wc -l <$f/numbers; done`);
    return said.trim().split('\n').map(Number);
  }

  const sums = (name: string) => site.sh(name, 'writer', 'cd /data && find . -name filler -exec sha256sum {} + | sort');

  function expectOneMoment(seen: readonly number[]): void {
    expect(seen[0]).toBeGreaterThan(5);
    // Of a moment in which some files have the newest number and those behind them have not.
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
    expect((seen[0] ?? 0) - (seen.at(-1) ?? 0)).toBeLessThanOrEqual(1);
  }

  async function nothingIsLeft(kept: readonly string[] = []): Promise<void> {
    // The sidecars remove what a deleted object stood for a moment later.
    await until('everything temporary is gone', async () => (await site.leftovers()).length === kept.length, 60_000).catch(() => undefined);
    expect(await site.leftovers()).toEqual(kept);
  }

  async function labels(name: string, claim: string): Promise<unknown> {
    const found = await site.place.api.get(`/api/v1/namespaces/${name}/persistentvolumeclaims/${claim}`);
    return (found?.['metadata'] as { readonly labels?: unknown } | undefined)?.labels ?? {};
  }

  async function policy(type: string): Promise<string> {
    const file = join(site.place.folder, `${type}.yaml`);
    await writeFile(file, `version: v1\nvolumePolicies: [{conditions: {}, action: {type: ${type}}}]\n`);
    return file;
  }

  it.each([
    ['moved', 'holdfast-csi'],
    ['moved-now', 'holdfast-csi-now'],
  ])(
    'are moved to the location out of a snapshot of one moment, and come back: %s, %s',
    async (name, storageClass) => {
      await fill(name, storageClass);
      const before = await sums(name);
      await site.done(`backup create ${name} -n ${name} --wait`);
      expect(await site.volumesOf(name)).toMatchObject([
        {
          claim: 'data',
          method: 'data-move',
          driver: 'csi.holdfast.dev',
          consistency: 'crash',
          data: { kind: 'restic', files: PAIRS * 2 + 1 },
        },
      ]);
      await nothingIsLeft();
      await site.place.api.removeNamespaces(name);
      const restored = await site.done(`restore create ${name} --from-backup ${name} --checksum --wait`);
      expect(restored).toMatch(/volume .*\/data: 17 files, .* restored and compared/);
      await site.shows(name, 'writer', 'test -e /tmp/kept');
      expect(await sums(name)).toBe(before);
      expectOneMoment(await counts(name, ...foldersOf('data')));
      await nothingIsLeft();
      await site.place.api.removeNamespaces(name);
    },
    300_000,
  );

  it('of block devices are moved and come back, too', async () => {
    const name = 'device';
    const size = 16 * 1024 * 1024;
    const sum = `dd if=/dev/disk bs=1M count=16 2>/dev/null | sha256sum`;
    const script = `[ "$(dd if=/dev/disk bs=1 count=6 2>/dev/null)" = filled ] || { dd if=/dev/urandom of=/dev/disk bs=1M count=16; printf filled | dd of=/dev/disk conv=notrunc; sync; }
touch /tmp/ready; while :; do sleep 1; done`;
    await site.place.api.create(namespace(name));
    await site.claim(name, 'disk', { volumeMode: 'Block', size: '16Mi' });
    await site.run({ namespace: name, name: 'writer', claims: [], devices: ['disk'], script });
    await site.shows(name, 'writer', 'test -e /tmp/ready');
    const before = await site.sh(name, 'writer', sum);
    await site.done(`backup create ${name} -n ${name} --wait`);
    expect(await site.volumesOf(name)).toMatchObject([
      { claim: 'disk', method: 'data-move', volumeMode: 'Block', data: { kind: 'restic', files: 1, bytes: size } },
    ]);
    await site.place.api.removeNamespaces(name);
    await site.done(`restore create ${name} --from-backup ${name} --wait`);
    await site.shows(name, 'writer', 'test -e /tmp/ready');
    expect(await site.sh(name, 'writer', sum)).toBe(before);
    await nothingIsLeft();
    await site.place.api.removeNamespaces(name);
  }, 300_000);

  it('are restored onto another storage class with another size, which must be there and large enough', async () => {
    const name = 'mapped';
    await fill(name, 'holdfast-csi');
    const before = await sums(name);
    await site.done(`backup create ${name} -n ${name} --wait`);
    await site.place.api.removeNamespaces(name);
    const restore = (as: string) => `restore create ${name}-${as} --from-backup ${name} --wait`;
    const impossible = await site.hold(
      `${restore('not')} --storage-class-mapping holdfast-csi:none --volume-size ${name}/data=1Mi,${name}/other=1Gi`,
    );
    expect(impossible.code).toBe(2);
    for (const problem of [
      '1Mi is less than the',
      'the backup has no such claim',
      'storage class "none" is neither in the cluster nor in this restore',
    ]) {
      expect(impossible.stderr).toContain(problem);
    }
    expect(await site.place.api.get(`/api/v1/namespaces/${name}`)).toBeUndefined();
    await site.done(`${restore('again')} --storage-class-mapping holdfast-csi:holdfast-csi-now --volume-size ${name}/data=2Gi`);
    expect(await site.place.api.get(`/api/v1/namespaces/${name}/persistentvolumeclaims/data`)).toMatchObject({
      spec: { storageClassName: 'holdfast-csi-now', resources: { requests: { storage: '2Gi' } } },
      status: { phase: 'Bound' },
    });
    await site.shows(name, 'writer', 'test -e /tmp/kept');
    expect(await sums(name)).toBe(before);
    await site.place.api.removeNamespaces(name);
  }, 300_000);

  it('are kept as snapshots that outlive their namespace, and claims are made from them: in place and in another namespace', async () => {
    await fill('kept', 'holdfast-csi');
    const before = await sums('kept');
    await site.done('backup create kept -n kept --wait --volume-policy', await policy('csi-snapshot'));
    const [captured] = await site.volumesOf('kept');
    if (captured?.data?.kind !== 'csi') throw new Error(`no snapshot was kept: ${JSON.stringify(captured)}`);
    const { handle } = captured.data;
    await nothingIsLeft([handle]);
    await site.place.api.removeNamespaces('kept');
    expect(await site.snapshots()).toEqual([handle]);

    await site.done('restore create kept --from-backup kept --wait');
    await site.done('restore create elsewhere --from-backup kept --wait --namespace-mappings kept:elsewhere');
    for (const name of ['kept', 'elsewhere']) {
      await site.shows(name, 'writer', 'test -e /tmp/kept');
      expect(await sums(name)).toBe(before);
      expectOneMoment(await counts(name, ...foldersOf('data')));
    }
    await nothingIsLeft([handle]);
    await site.place.api.removeNamespaces('kept', 'elsewhere');
    expect(await site.snapshots()).toEqual([handle]);
    await rm(join(site.node.folder, 'data', 'csi', 'snapshots', handle), { recursive: true });
  }, 300_000);

  it('are moved when no pod has them, and when their class keeps volumes of deleted claims: those of the run go all the same', async () => {
    const keeping = { ...STORAGE_CLASS, metadata: { name: 'keeping' }, reclaimPolicy: 'Retain' };
    await site.place.api.create(keeping);
    await fill('idle', 'keeping');
    const before = await sums('idle');
    await site.place.api.mergePatch(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace: 'idle', name: 'writer' } },
      { spec: { replicas: 0 } },
    );
    await until('the pod is gone', async () => (await site.pods('idle')).length === 0, 60_000);
    const volumes = await site.volumes();
    await site.done('backup create idle -n idle --wait');
    expect(await site.volumesOf('idle')).toMatchObject([{ method: 'data-move', data: { kind: 'restic' } }]);
    await nothingIsLeft();
    await until('the temporary volume is gone', async () => (await site.volumes()).length === volumes.length, 60_000);
    await site.place.api.removeNamespaces('idle');
    await site.done('restore create idle --from-backup idle --wait');
    await site.place.api.mergePatch(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace: 'idle', name: 'writer' } },
      { spec: { replicas: 1 } },
    );
    await site.shows('idle', 'writer', 'test -e /tmp/kept');
    expect(await sums('idle')).toBe(before);
    await site.place.api.removeNamespaces('idle');
    await site.place.api.remove(keeping);
  }, 300_000);

  it('are moved by the next worker when the first is killed after the cut, and nothing is left', async () => {
    await fill('killed', 'holdfast-csi');
    await site.done('backup create killed -n killed');
    await underWay();
    await worker.kill('SIGKILL');
    worker = await site.place.startWorker();
    await site.done('backup describe killed --wait');
    expect(await site.volumesOf('killed')).toMatchObject([{ method: 'data-move', data: { kind: 'restic', files: PAIRS * 2 + 1 } }]);
    await nothingIsLeft();
  }, 300_000);

  it.each(['data-move', 'csi-snapshot'])(
    'leave nothing of a run that is cancelled after the cut: %s',
    async (method) => {
      const name = `cancelled-${method}`;
      await fill(name, 'holdfast-csi');
      await site.done(`backup create ${name} -n ${name} --volume-policy`, await policy(method));
      await underWay();
      if (method === 'data-move') await until('the mover is there', async () => (await site.pods(name, MOVERS)).length > 0, 60_000);
      const client = await site.place.client();
      const run = client.workflow.getHandle(backupWorkflowId('main', name));
      await run.cancel();
      await expect(run.result()).rejects.toThrow();
      await nothingIsLeft();
    },
    300_000,
  );

  it('of one application are cut at one moment, and one by one with a warning when that cannot be', async () => {
    const folders = [...foldersOf('first'), ...foldersOf('second')];
    await site.place.api.create(namespace('group'));
    for (const claim of ['first', 'second', 'third']) await site.claim('group', claim);
    await site.run({ namespace: 'group', name: 'writer', claims: ['first', 'second'], script: writer(...folders) });
    await site.run({ namespace: 'group', name: 'other', claims: ['third'], script: 'touch /data/third/file; while :; do sleep 1; done' });
    await site.shows('group', 'writer', `test -e /data/first/0/filled && test $(cat /data/second/${PAIRS - 1}/numbers | wc -l) -gt 5`);
    await site.shows('group', 'other', 'test -e /data/third/file');
    const before = await sums('group');
    const together = await site.hold('backup create together -n group --wait');
    expect(together).toMatchObject({ code: 0, stdout: expect.not.stringContaining('not cut') });
    await nothingIsLeft();
    expect(await labels('group', 'first')).toEqual({});

    // The class names a secret that is not there, so the driver is never asked.
    await site.place.api.remove(GROUP_CLASS);
    await site.place.api.create({ ...GROUP_CLASS, parameters: { 'csi.storage.k8s.io/group-snapshotter-secret-name': 'none' } });
    const alone = await site.hold('backup create alone -n group --wait');
    expect(alone).toMatchObject({ code: 0, stdout: expect.stringMatching(/group\/first, second are not cut at one moment/) });
    await nothingIsLeft();

    await site.place.api.removeNamespaces('group');
    await site.done('restore create together --from-backup together --wait');
    await site.shows('group', 'writer', 'test -e /tmp/kept');
    expect(await sums('group')).toBe(before);
    expectOneMoment(await counts('group', ...folders));
  }, 400_000);

  /** The driver has cut a snapshot of the only run. */
  const underWay = () => until('the snapshot is cut', async () => (await site.snapshots()).length > 0, 120_000);
});
