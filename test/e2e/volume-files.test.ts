import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { treeOf } from '../support/file-tree.ts';
import { namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until } from '../support/raw-api.ts';

const NAMESPACE = 'shop';
const MIB = 1024 * 1024;

describe('files of volumes in backups', () => {
  let place: TestPlace;
  let volumes: string;
  let data: string;

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);
  const fresh = (name: string): string => join(place.folder, 'restored', name);

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    volumes = join(dirname(place.cluster.kubeconfigPath), 'volumes');
    data = join(volumes, 'data');
    await place.api.create(namespace(NAMESPACE));
    await mkdir(join(data, 'etc', 'deep'), { recursive: true });
    await writeFile(join(data, 'etc', 'settings'), 'colour: red\n');
    await chmod(join(data, 'etc', 'settings'), 0o640);
    await chown(join(data, 'etc', 'settings'), process.getuid?.() === 0 ? 1234 : -1, -1);
    await writeFile(join(data, 'etc', 'deep', 'odd [*]\n\u001b[31mname'), 'odd');
    await symlink('settings', join(data, 'etc', 'link'));
    await writeFile(join(data, 'large'), randomBytes(5 * MIB));
    await addVolume('data');
    await mkdir(join(volumes, 'other'));
    await addVolume('other');
    const policy = join(place.folder, 'policy.yaml');
    await writeFile(policy, 'version: v1\nvolumePolicies: [{conditions: {pvcLabels: {volume: other}}, action: {type: skip}}]\n');
    expect(await hold(`backup create first -n ${NAMESPACE} --volume-policy`, policy)).toMatchObject({ code: 0 });
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  async function addVolume(name: string): Promise<void> {
    const shared = { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand' };
    await place.api.create({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        ...shared,
        capacity: { storage: '1Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: NAMESPACE, name },
        hostPath: { path: join(volumes, name) },
      },
    });
    await place.api.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: NAMESPACE, name, labels: { volume: name } },
      spec: { ...shared, volumeName: name, resources: { requests: { storage: '1Gi' } } },
    });
    await until('the claim is bound', async () => {
      const live = await place.api.get(`/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims/${name}`);
      return (live?.['status'] as { readonly phase?: string } | undefined)?.phase === 'Bound';
    });
  }

  it('are listed by volume', async () => {
    const listed = await hold('volume ls first -o json');
    const answer = SCHEMAS['volume-ls'].parse(JSON.parse(listed.stdout));
    expect(answer.volumes).toMatchObject([
      { claim: 'data', method: 'file-system', data: { files: 3 } },
      { claim: 'other', method: 'skip' },
    ]);
    expect((await hold('volume ls first')).stdout).toMatch(
      /shop\/data +file-system +none +3 +5\.0 MiB +\d{4}-.*Z\nshop\/other +skip +no data/,
    );
    expect((await hold('volumes ls first -o name')).stdout).toBe('shop/data\nshop/other\n');
  }, 60_000);

  it('are browsed folder by folder, or all at once', async () => {
    const root = await hold('volume browse first shop/data');
    expect(root.stdout.split('\n').map((line) => line.split(/ +/).at(-1))).toEqual(['/etc', '/large', '']);
    const etc = await hold('volume browse first shop/data etc/');
    expect(etc.stdout).toMatch(/^lrwxrwxrwx .*\/etc\/link -> settings$/m);
    expect(etc.stdout).toMatch(/^-rw-r----- +(1234|\d+):0 +12 +\d{4}-\S+Z +\/etc\/settings$/m);
    const all = await hold('volume browse first shop/data --recursive -o json');
    const { files } = SCHEMAS['volume-browse'].parse(JSON.parse(all.stdout));
    expect(files.map(({ path }) => path)).toEqual([
      '/etc',
      '/etc/deep',
      '/etc/deep/odd [*]\n\u001b[31mname',
      '/etc/link',
      '/etc/settings',
      '/large',
    ]);
    const shown = (await hold('volume browse first shop/data -r')).stdout;
    expect(shown).toContain('odd [*]\\n\\x1b[31mname');
    expect(shown).not.toContain('\u001b');
  }, 60_000);

  it('are written to standard output', async () => {
    expect(await hold('volume cat first shop/data etc/settings')).toMatchObject({ code: 0, stdout: 'colour: red\n' });
    for (const path of ['/etc', '/etc/link']) {
      expect(await hold(`volume cat first shop/data ${path}`)).toMatchObject({ code: 2, stderr: expect.stringContaining('is no file') });
    }
  }, 60_000);

  it('are restored to a folder with all that belongs to them, one by one or all', async () => {
    const original = await treeOf(data);
    const some = await hold('volume restore first shop/data --path /etc/settings --path /etc/deep -o json --to', fresh('some'));
    expect(SCHEMAS['volume-restore'].parse(JSON.parse(some.stdout))).toMatchObject({
      files: 2,
      bytes: 15,
      paths: ['/etc/settings', '/etc/deep'],
    });
    const found = await treeOf(fresh('some'));
    expect(found['etc/settings']).toBe(original['etc/settings']);
    expect(Object.keys(found).sort()).toEqual(['etc', 'etc/deep', 'etc/deep/odd [*]\n\u001b[31mname', 'etc/settings']);
    expect(await hold('volume restore first shop/data --to', fresh('all'))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 files, 5.0 MiB restored'),
    });
    expect(await treeOf(fresh('all'))).toEqual(original);
  }, 60_000);

  it('never replace what is there, unless told to, and never follow links out of the folder', async () => {
    const to = fresh('used');
    const outside = fresh('outside');
    await mkdir(join(to, 'etc'), { recursive: true });
    await mkdir(outside, { recursive: true });
    await writeFile(join(to, 'etc', 'settings'), 'mine');
    await writeFile(join(to, 'etc', 'unrelated'), 'mine');
    await symlink(outside, join(to, 'etc', 'deep'));
    const before = await treeOf(to);
    const refused = await hold('volume restore first shop/data --to', to);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/and 1 more: .*is in the way; nothing was overwritten/) });
    expect(await treeOf(to)).toEqual(before);
    const link = await hold('volume restore first shop/data --overwrite --to', to);
    expect(link).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/etc\/deep": a symbolic link, which is not followed, is in the way/),
    });
    expect(await treeOf(to)).toEqual(before);
    expect(await readdir(outside)).toEqual([]);
    await rm(join(to, 'etc', 'deep'));
    expect(await hold('volume restore first shop/data --overwrite --to', to)).toMatchObject({ code: 0 });
    expect(await readFile(join(to, 'etc', 'settings'), 'utf8')).toBe('colour: red\n');
    expect(await readFile(join(to, 'etc', 'unrelated'), 'utf8')).toBe('mine');
    expect((await readdir(to)).sort()).toEqual(['etc', 'large']);
  }, 120_000);

  it('are restored into a claim that is in use, without touching anything else', async () => {
    await writeFile(join(data, 'etc', 'settings'), 'ruined');
    await writeFile(join(data, 'since then'), 'new');
    await writeFile(join(data, 'large'), 'changed since');
    const back = await hold('volume restore first shop/data --path etc/settings --to-claim data --overwrite');
    expect(back).toMatchObject({ code: 0, stdout: expect.stringContaining('1 files, 12 B restored to claim shop/data') });
    expect(await readFile(join(data, 'etc', 'settings'), 'utf8')).toBe('colour: red\n');
    expect(await readFile(join(data, 'since then'), 'utf8')).toBe('new');
    expect(await readFile(join(data, 'large'), 'utf8')).toBe('changed since');
    expect(await hold('volume restore first shop/data --path etc --to-claim shop/other --overwrite')).toMatchObject({ code: 0 });
    expect((await readdir(join(volumes, 'other', 'etc'))).sort()).toEqual(['deep', 'link', 'settings']);
    await rm(join(data, 'since then'));
  }, 120_000);

  it('are opened by restic alone with what the command says, and the password is shown only when it is asked for', async () => {
    const hidden = await hold('volume key first');
    expect(hidden).toMatchObject({ code: 0, stderr: expect.stringContaining('--reveal') });
    expect(hidden.stdout).not.toContain('RESTIC_PASSWORD');
    const shown = SCHEMAS['volume-key'].parse(JSON.parse((await hold('volume key first --reveal -o json')).stdout));
    const restic = (await resolveTools(['restic'])).get('restic') ?? '';
    const env = { ...process.env, RESTIC_REPOSITORY: shown.repository, RESTIC_PASSWORD: shown.password };
    const { stdout } = await promisify(execFile)(restic, ['snapshots', '--json', ...shown.options], { env });
    expect(JSON.parse(stdout)).toMatchObject([{ hostname: 'shop/data', tags: expect.arrayContaining(['backup=first']) }]);
    expect(await hold(`volume key --cluster ${shown.cluster}`)).toMatchObject({ code: 0, stdout: hidden.stdout });
    expect((await place.run(['volume', 'key', 'first', '--reveal'])).stdout).toContain(`export RESTIC_PASSWORD='${shown.password ?? ''}'`);
  }, 60_000);

  it('that nobody has are named in one line', async () => {
    const cases: readonly (readonly [words: string, code: number, says: RegExp])[] = [
      ['volume ls nope', 3, /backup "nope" is not in location main/],
      ['volume browse first data', 2, /"data" names no volume; write NAMESPACE\/CLAIM/],
      ['volume browse first shop/nope', 3, /backup "first" has no volume shop\/nope/],
      ['volume browse first shop/other', 2, /has no data of volume shop\/other; its method was skip/],
      ['volume browse first shop/data /nope', 3, /there is no \/nope in snapshot/],
      ['volume browse first shop/data ../up', 2, /leaves the volume/],
      ['volume cat first shop/data', 2, /missing required argument/],
      ['volume cat first shop/data /nope', 3, /there is no \/nope/],
      ['volume restore first shop/data', 2, /one of --to FOLDER and --to-claim/],
      ['volume restore first shop/data --to /dev/null/x', 2, /--to \/dev\/null\/x/],
      ['volume restore first shop/data --to x --to-claim y', 2, /one of --to/],
      ['volume restore first shop/data --to-claim data', 2, /--overwrite/],
      ['volume restore first shop/data --to-claim a/b/c --overwrite', 2, /names no claim/],
      ['volume restore first shop/data --to-claim nope --overwrite', 3, /claim shop\/nope: is not in the cluster/],
      ['volume restore first shop/data --path /nope --to nowhere', 3, /there is no \/nope/],
      ['volume key', 2, /name a backup, or --cluster UID/],
      ['volume key --cluster nope', 3, /no volume data of the cluster nope/],
      ['volume key first --cluster x', 2, /name a backup, or --cluster/],
    ];
    for (const [words, code, says] of cases) {
      const { code: ended, stderr, stdout } = await hold(words);
      expect({ words, ended, stderr, stdout }).toEqual({ words, ended: code, stderr: expect.stringMatching(says), stdout: '' });
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  }, 240_000);

  it('go with their backup, when it is deleted and the garbage collected', async () => {
    await writeFile(join(data, 'large'), randomBytes(5 * MIB));
    expect(await hold(`backup create second -n ${NAMESPACE}`)).toMatchObject({ code: 0 });
    expect(await hold('backup delete first --confirm')).toMatchObject({ code: 0 });
    const at = ['repository', 'gc', '--grace', '0s', '--no-running-backups'];
    const foreseen = await place.run([...at, '--dry-run', '-o', 'json']);
    const { volumes: before } = SCHEMAS['repository-gc'].parse(JSON.parse(foreseen.stdout));
    expect(before).toMatchObject([{ needed: 2, forgotten: [{ volume: 'shop/data', backup: 'first' }] }]);
    expect(before[0]?.freedBytes).toBeGreaterThan(5 * MIB);
    const done = await place.run([...at, '-o', 'wide']);
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('1 snapshots of volumes forgotten') });
    expect(done.stdout).toMatch(/shop\/data +first/);
    expect(await hold('volume restore second shop/data --to', fresh('second'))).toMatchObject({ code: 0 });
    expect(await treeOf(fresh('second'))).toEqual(await treeOf(data));
    expect(await hold('repository check --read-data')).toMatchObject({ code: 0 });
  }, 240_000);
});
