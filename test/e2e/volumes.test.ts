import { randomBytes } from 'node:crypto';
import { chmod, chown, link, mkdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { treeOf } from '../support/file-tree.ts';
import { namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until, type PlainObject } from '../support/raw-api.ts';

const NAMESPACE = 'files';
const FILES = 300;
const MIB = 1024 * 1024;

describe('volumes of a sandbox without nodes', () => {
  let place: TestPlace;
  /** The folder that the sandbox's kubeconfig gives free. */
  let volumes: string;

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    volumes = join(dirname(place.cluster.kubeconfigPath), 'volumes');
    await place.api.create(namespace(NAMESPACE));
    await addVolume('data', join(volumes, 'data'));
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);

  function volume(name: string, path: string): PlainObject {
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'by-hand',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: NAMESPACE, name },
        hostPath: { path },
      },
    };
  }

  function claim(name: string): PlainObject {
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: NAMESPACE, name, labels: { volume: name } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'by-hand',
        volumeName: name,
        resources: { requests: { storage: '1Gi' } },
      },
    };
  }

  async function addVolume(name: string, path: string): Promise<void> {
    await place.api.create(volume(name, path));
    await place.api.create(claim(name));
    await until('the claim is bound', async () => {
      const live = await place.api.get(`/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims/${name}`);
      return (live?.['status'] as { readonly phase?: string } | undefined)?.phase === 'Bound';
    });
  }

  /** Files with everything that a file system knows of them. */
  async function fill(folder: string): Promise<void> {
    await mkdir(join(folder, 'deep', 'er'), { recursive: true });
    await mkdir(join(folder, 'empty'));
    for (let index = 0; index < FILES; index += 1) {
      await writeFile(join(folder, 'deep', `file-${index}`), randomBytes(1_000 + ((index * 7_919) % 30_000)));
    }
    const odd = [' leading space', '-dash', 'new\nline', 'ünïcode 漢字 🗄', 'x'.repeat(250), '$(echo no)', '*', '.hidden'];
    for (const name of odd) await writeFile(join(folder, name), name);
    await writeFile(join(folder, 'secret'), 'only mine');
    await chmod(join(folder, 'secret'), 0o4600);
    await chown(join(folder, 'deep', 'file-1'), process.getuid?.() === 0 ? 1234 : -1, -1);
    await utimes(join(folder, 'deep', 'file-2'), 1_000_000_000, 1_000_000_000);
    await symlink('deep/er', join(folder, 'a link'));
    await symlink('/nowhere/at/all', join(folder, 'dangling'));
    await link(join(folder, 'deep', 'file-3'), join(folder, 'hard link'));
    await writeFile(join(folder, 'sparse'), 'at the beginning');
    await truncate(join(folder, 'sparse'), 50 * MIB);
  }

  async function volumesOf(backup: string): Promise<readonly CapturedVolume[]> {
    const described = await hold(`backup describe ${backup} -o json`);
    const { volumes: captured = [] } = SCHEMAS['backup-describe'].parse(JSON.parse(described.stdout));
    return captured as readonly CapturedVolume[];
  }

  async function lose(): Promise<void> {
    await place.api.removeNamespaces(NAMESPACE);
    await place.api.remove(volume('data', ''));
    await rm(join(volumes, 'data'), { recursive: true });
  }

  it('comes back from a backup as it was, when namespace, volume and disk are gone', async () => {
    const folder = join(volumes, 'data');
    await fill(folder);
    const before = await treeOf(folder);
    const made = await hold(`backup create first -n ${NAMESPACE}`);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('files/data') });
    const [captured] = await volumesOf('first');
    expect(captured).toMatchObject({ namespace: NAMESPACE, claim: 'data', method: 'file-system', volume: 'data', consistency: 'none' });
    await lose();
    const restored = await hold('restore create back --from-backup first --checksum');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('verification: equal') });
    expect(restored.stdout).toMatch(/volume files\/data: \d+ files, .* restored and compared/);
    expect(await treeOf(folder)).toEqual(before);
  }, 240_000);

  it('sends only what has changed', async () => {
    const [first] = await volumesOf('first');
    for (const index of [10, 20, 30]) await writeFile(join(volumes, 'data', 'deep', `file-${index}`), randomBytes(10_000));
    expect(await hold(`backup create second -n ${NAMESPACE}`)).toMatchObject({ code: 0 });
    const [second] = await volumesOf('second');
    if (first?.data?.kind !== 'restic' || second?.data?.kind !== 'restic') throw new Error('no data was captured');
    expect(first.data.addedBytes).toBeGreaterThan(FILES * 1_000);
    expect(second.data.addedBytes).toBeGreaterThan(30_000);
    expect(second.data.addedBytes).toBeLessThan(first.data.addedBytes / 20);
  }, 120_000);

  it('is left alone by a restore when it holds data, and overwritten when that is asked for', async () => {
    const folder = join(volumes, 'data');
    const saved = await treeOf(folder);
    await writeFile(join(folder, 'deep', 'file-10'), 'ruined');
    await writeFile(join(folder, 'since then'), 'new');
    const ruined = await treeOf(folder);
    const careful = await hold('restore create careful --from-backup second');
    expect(careful).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume files\/data: left: the claim was there before/) });
    expect(await treeOf(folder)).toEqual(ruined);
    const bold = await hold('restore create bold --from-backup second --in-place --checksum');
    expect(bold).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume files\/data: .* restored and compared/) });
    const after = await treeOf(folder);
    expect(without(after, 'deep')).toEqual(without(saved, 'deep'));
  }, 120_000);

  it('that has outlived its claim is left alone, too', async () => {
    const folder = join(volumes, 'data');
    await writeFile(join(folder, 'newer than the backup'), 'kept');
    await place.api.removeNamespaces(NAMESPACE);
    const restored = await hold('restore create outlived --from-backup second');
    expect(restored).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/volume files\/data: left: the volume data has outlived its claim/),
    });
    expect(Object.keys(await treeOf(folder))).toContain('newer than the backup');
  }, 120_000);

  it('is skipped by a policy, and not looked at with --no-volumes', async () => {
    const policy = join(place.folder, 'policy.yaml');
    await writeFile(policy, 'version: v1\nvolumePolicies: [{conditions: {pvcLabels: {volume: data}}, action: {type: skip}}]\n');
    expect(await hold(`backup create skipped -n ${NAMESPACE} --volume-policy`, policy)).toMatchObject({ code: 0 });
    expect(await volumesOf('skipped')).toMatchObject([{ claim: 'data', method: 'skip' }]);
    expect(await hold(`backup create blind -n ${NAMESPACE} --no-volumes`)).toMatchObject({ code: 0 });
    expect(await volumesOf('blind')).toEqual([]);
    await writeFile(policy, 'version: v1\nvolumePolicies: [{conditions: {}, action: {type: magic}}]\n');
    expect(await hold(`backup create wrong -n ${NAMESPACE} --volume-policy`, policy)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/policy\.yaml: volumePolicies\.0\.action\.type: is none of/),
    });
  }, 120_000);

  it('outside of the folder that the kubeconfig gives free is never read, and the backup says so', async () => {
    const outside = join(place.folder, 'outside');
    await mkdir(outside);
    await symlink(outside, join(volumes, 'way out'));
    await addVolume('escape', join(volumes, 'way out'));
    await addVolume('far', outside);
    const made = await hold(`backup create partly -n ${NAMESPACE}`);
    expect(made).toMatchObject({ code: 4 });
    expect(`${made.stdout}${made.stderr}`).toMatch(/volume of claim files\/far: no mover can reach it: .*outside is not below/);
    const captured = await volumesOf('partly');
    expect(captured.filter(({ data }) => data !== undefined).map(({ claim: name }) => name)).toEqual(['data']);
    for (const name of ['escape', 'far']) await place.api.remove(claim(name));
    for (const name of ['escape', 'far']) await place.api.remove(volume(name, ''));
  }, 120_000);

  it('is captured to the end by the next command when the first is killed, and no mover is left', async () => {
    await writeFile(join(volumes, 'data', 'large'), randomBytes(400 * MIB));
    const command = place.start(['backup', 'create', 'killed', '-n', NAMESPACE]);
    await command.printed(/capture volumes/);
    command.child.kill('SIGKILL');
    await command.ended;
    expect(await hold('backup describe killed --wait')).toMatchObject({ code: 0 });
    const [captured] = await volumesOf('killed');
    expect(captured?.data).toMatchObject({ kind: 'restic', bytes: expect.any(Number) });
    await rm(join(volumes, 'data', 'large'));
  }, 180_000);

  it('is explained by gc, which leaves alone what backups need', async () => {
    const report = await hold('repository gc --dry-run -o json');
    const { rows } = SCHEMAS['repository-gc'].parse(JSON.parse(report.stdout));
    expect(rows.find(({ kind }) => kind === 'volumes')).toMatchObject({ fate: 'needed' });
    expect(rows.find(({ kind, objects }) => kind === 'foreign' && objects > 0)).toBeUndefined();
    expect(await hold('repository check --read-data')).toMatchObject({ code: 0 });
  }, 120_000);
});

/** Folders that were written to have another time. */
function without(tree: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path !== name));
}
