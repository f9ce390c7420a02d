import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { helmProgram, writeCharts } from '../support/charts.ts';
import { definition } from '../support/definitions.ts';
import { configMap, deployment, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until } from '../support/raw-api.ts';
import { etcdAccess } from '../support/sandbox-snapshot.ts';

const WIDGETS = definition({ group: 'example.com', kind: 'Widget', plural: 'widgets' });
const WIDGET = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one', namespace: 'shop' }, spec: { size: 3 } };
const SECRET = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: 'shop' }, stringData: { word: 'as it was' } };
const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' };
const ADMINS = {
  ...RBAC,
  kind: 'ClusterRoleBinding',
  metadata: { name: 'shop-admins' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'shop-admins' }],
};
const BRANCH = 'prod';
const PROJECT = ['shop', 'releases'];

/** docs/runbooks/cluster-is-gone.md, step by step. */
describe('a cluster that is gone', () => {
  let lost: TestPlace;
  let found: TestPlace;
  let remote: BareRepository;
  let before: Snapshot;

  const run = (place: TestPlace, line: string) => place.run(line.split(' '));
  const snapshotOf = (place: TestPlace) => takeSnapshot(place.api, PROJECT, { cluster: ['ClusterRoleBinding shop-admins'] });
  /** Those of the project, and those of the chart. */
  const widgetsAreOffered = (place: TestPlace) =>
    until('widgets are offered', async () => {
      place.api.forgetKinds();
      return (await place.api.kinds()).filter(({ plural }) => plural === 'widgets').length === 2;
    });
  const configure = async (place: TestPlace, more: object): Promise<void> => {
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    await writeFile(place.configFile, stringify({ ...configuration, ...more }));
  };

  beforeAll(async () => {
    [lost, found, remote] = await Promise.all([
      TestPlace.open({ temporal: false }),
      TestPlace.open({ temporal: false }),
      BareRepository.make(),
    ]);
    await lost.addLocation('main');
    const { endpoint, ...files } = await etcdAccess(lost.cluster.folder);
    await configure(lost, {
      clusters: { [lost.cluster.context]: { etcd: { endpoints: [endpoint], ...files } } },
      gitRemotes: [{ name: 'state', url: remote.folder, branch: BRANCH }],
    });
    for (const name of PROJECT) await lost.api.create(namespace(name));
    for (const object of [configMap('shop', 'plain', { text: 'as it was' }), SECRET, deployment('shop', 'web', 0), ADMINS, WIDGETS, WIDGET])
      await lost.api.create(object);
    const helm = await helmProgram(lost.folder, lost.cluster.kubeconfigPath);
    const { web } = await writeCharts(join(lost.folder, 'charts'));
    await helm('install', 'web', web, '-n', 'releases', '--set', 'count=3');
    await widgetsAreOffered(lost);
    before = await snapshotOf(lost);
  }, 300_000);

  afterAll(async () => {
    await Promise.all([lost.close(), found.close(), remote.remove()]);
  }, 60_000);

  it('was backed up with its store, its charts and its history in one run', async () => {
    const made = await run(lost, 'backup create whole --include-etcd --helm --git state');
    expect(made).toMatchObject({ code: 0 });
    const described = SCHEMAS['backup-describe'].parse(JSON.parse((await run(lost, 'backup describe whole -o json')).stdout));
    expect(described).toMatchObject({
      phase: 'Completed',
      etcd: { members: [expect.anything()], alarms: [] },
      releases: [{ namespace: 'releases', name: 'web', revision: 1, archiveKind: 'source' }],
    });
    expect(described.releases?.[0]?.archive?.bytes).toBeGreaterThan(0);
    expect(await remote.message(BRANCH)).toContain('Holdfast-Backup: whole');
    expect(await remote.read(BRANCH, 'shop/widgets.example.com/one.yaml')).toContain('size: 3');
  }, 180_000);

  it('comes back in another cluster, from the location and its key alone', async () => {
    await lost.cluster.stop();
    const key = join(found.folder, 'main.key');
    await copyFile(join(lost.folder, 'main.key'), key);
    const url = `file://${join(lost.folder, 'locations', 'main')}`;
    expect(await run(found, `location add main ${url} --key-file ${key}`)).toMatchObject({ code: 0 });
    const restored = await run(found, 'restore create recovery --from-backup whole --whole-cluster');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('verification: equal') });
    await widgetsAreOffered(found);
    expect(await snapshotOf(found)).toEqual(before);
  }, 240_000);

  it('has releases that Helm goes on with', async () => {
    expect(await run(found, 'helm restore web --adopt --from-backup whole')).toMatchObject({ code: 0 });
    const helm = await helmProgram(found.folder, found.cluster.kubeconfigPath);
    const { web } = await writeCharts(join(found.folder, 'charts'));
    await helm('upgrade', 'web', web, '-n', 'releases', '--reuse-values', '--set', 'secret=other');
    expect(JSON.parse(await helm('status', 'web', '-n', 'releases', '-o', 'json'))).toMatchObject({
      version: 2,
      info: { status: 'deployed' },
    });
    expect(JSON.parse(await helm('get', 'values', 'web', '-n', 'releases', '-o', 'json'))).toMatchObject({ count: 3 });
  }, 120_000);

  it('is in Git as it was: the new cluster has nothing to commit for what came back', async () => {
    await configure(found, { gitRemotes: [{ name: 'state', url: remote.folder, branch: BRANCH }] });
    const synced = await run(found, 'git sync state -n shop -o json');
    expect(synced).toMatchObject({ code: 0 });
    expect(JSON.parse(synced.stdout)).toMatchObject({ commit: '', created: 0, changed: 0, deleted: 0 });
  }, 120_000);
});
