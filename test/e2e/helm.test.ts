import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { BINARY, helmProgram, writeCharts, type ChartName, type Helm } from '../support/charts.ts';
import { canariesInFolder } from '../support/canaries.ts';
import { TestChartMuseum } from '../support/chart-museum.ts';
import { TestPlace } from '../support/place.ts';

const NAMESPACE = 'releases';
const RELEASES = ['called', 'shop', 'web'];
const PASSWORD = 'canary-of-the-museum';
const SECRET_VALUE = 'canary-of-values';

interface Exported {
  readonly releases: readonly {
    readonly name: string;
    readonly revision: number;
    readonly revisions: number;
    readonly status: string;
    readonly appVersion: string;
    readonly archiveKind: string;
    readonly archiveSha256: string;
    readonly folder: string;
  }[];
}

describe('Helm releases', () => {
  let place: TestPlace;
  let helm: Helm;
  /** Keeps its records in ConfigMaps. */
  let otherHelm: Helm;
  let museum: TestChartMuseum;
  let charts: Record<ChartName, string>;

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);
  /** Runs that a worker elsewhere does. */
  const waited = (line: string, ...rest: readonly string[]) => hold(line, ...rest, '--wait');
  const path = (kind: string, name: string) => `/api/v1/namespaces/${NAMESPACE}/${kind}/${name}`;
  const data = async (name: string) => (await place.api.get(path('configmaps', name)))?.['data'];
  const status = async (release: string, where = NAMESPACE) =>
    JSON.parse(await helm('status', release, '-n', where, '-o', 'json')) as { version: number; info: { status: string; notes?: string } };
  const values = async (release: string) => JSON.parse(await helm('get', 'values', release, '-n', NAMESPACE, '-o', 'json')) as unknown;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    charts = await writeCharts(join(place.folder, 'charts'));
    helm = await helmProgram(place.folder, place.cluster.kubeconfigPath);
    otherHelm = await helmProgram(place.folder, place.cluster.kubeconfigPath, 'configmap');
    museum = await TestChartMuseum.start({ basic: { username: 'ann', password: PASSWORD } });
    await writeFile(join(place.folder, 'museum.password'), `${PASSWORD}\n`);
    const password = { file: join(place.folder, 'museum.password') };
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    const chartRepositories = [{ name: 'museum', url: museum.url, username: 'ann', password }];
    await writeFile(place.configFile, stringify({ ...configuration, chartRepositories }));
    await place.startWorker();
    const web = ['web', charts.web, '-n', NAMESPACE];
    await helm('install', ...web, '--create-namespace', '--set', 'count=3');
    await helm('upgrade', ...web, '--set', 'count=4,map.two=null,map.three=3', '--set', `secret=${SECRET_VALUE}`);
    await helm('install', 'shop', charts.shop, '-n', NAMESPACE, '--set', 'store.size=7');
    await helm('install', 'called', charts.caller, '-n', NAMESPACE);
    await otherHelm('install', 'old', charts.old, '-n', NAMESPACE);
    expect(await waited('backup create first --helm --push-charts museum -n', NAMESPACE)).toMatchObject({ code: 0 });
  }, 300_000);

  afterAll(async () => {
    await museum.stop();
    await place.close();
  }, 60_000);

  const exported = async (folder: string, ...from: readonly string[]): Promise<Exported['releases']> => {
    const result = await hold('helm export -o json --to', folder, '-n', NAMESPACE, ...from);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(SCHEMAS['helm-export'].parse(JSON.parse(result.stdout))).toEqual(JSON.parse(result.stdout));
    return (JSON.parse(result.stdout) as Exported).releases;
  };

  it('exports the same charts from the cluster and from a backup, byte by byte, and Helm lints them', async () => {
    const [live, kept] = [join(place.folder, 'live'), join(place.folder, 'kept')];
    const releases = await exported(live);
    const fromBackup = await exported(kept, '--from-backup', 'first');
    expect(releases.map(({ name }) => name)).toEqual(['called', 'old', 'shop', 'web']);
    const facts = releases.map(({ name, revision, revisions, status: state, appVersion, archiveKind }) => ({
      name,
      revision,
      revisions,
      state,
      appVersion,
      archiveKind,
    }));
    expect(facts[3]).toEqual({ name: 'web', revision: 2, revisions: 2, state: 'deployed', appVersion: '2.0', archiveKind: 'source' });
    expect(facts[1]).toMatchObject({ name: 'old', archiveKind: 'source' });
    expect(facts[2]).toMatchObject({ name: 'shop', archiveKind: 'rendered' });
    expect(facts[0]).toMatchObject({ name: 'called', archiveKind: 'rendered' });
    expect(fromBackup.map(({ archiveSha256 }) => archiveSha256)).toEqual(releases.map(({ archiveSha256 }) => archiveSha256));
    for (const [index, { folder }] of releases.entries()) {
      const archive = join(folder, 'chart.tgz');
      expect(await readFile(archive)).toEqual(await readFile(join(fromBackup[index]!.folder, 'chart.tgz')));
      expect(await helm('lint', '--strict', archive)).toContain('1 chart(s) linted, 0 chart(s) failed');
    }
  });

  it('renders the same from the rebuilt chart as from the one that was installed', async () => {
    const [, , , web] = await exported(join(place.folder, 'again'));
    const set = ['web', '-n', NAMESPACE, '--set', 'count=9'];
    expect(await helm('template', ...set, join(web!.folder, 'chart.tgz'))).toBe(await helm('template', ...set, charts.web));
    expect(await data('web-web')).toMatchObject({ count: '4', blob: BINARY.toString('base64'), map: '{"one":1,"three":3}' });
  });

  it('writes the values of the user and the computed ones as Helm has them, for nobody else to read', async () => {
    const [, , , web] = await exported(join(place.folder, 'values'));
    const read = async (file: string) =>
      parse(await readFile(join(web!.folder, file), 'utf8'), { version: '1.1', intAsBigInt: true }) as unknown;
    const helms = async (...more: readonly string[]) =>
      parse(await helm('get', 'values', 'web', '-n', NAMESPACE, ...more), { version: '1.1', intAsBigInt: true }) as object;
    expect(await read('values.yaml')).toEqual(dropped(await helms(), 'USER-SUPPLIED VALUES'));
    expect(await read('computed-values.yaml')).toEqual(dropped(await helms('--all'), 'COMPUTED VALUES'));
    expect((await stat(join(web!.folder, 'values.yaml'))).mode & 0o777).toBe(0o600);
  });

  it('keeps the charts in the backup, and pushes them to a ChartMuseum, from where Helm pulls them', async () => {
    const described = SCHEMAS['backup-describe'].parse(JSON.parse((await hold('backup describe first -o json')).stdout));
    expect(described.releases?.map(({ name, archive, pushed }) => [name, archive !== undefined, pushed.length])).toEqual([
      ['called', true, 1],
      ['old', true, 1],
      ['shop', true, 1],
      ['web', true, 1],
    ]);
    const push = ['--from-backup', 'first', '--push-to', 'museum', '-o', 'json'];
    const pushed = await hold('helm export', ...push);
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    const { releases } = JSON.parse(pushed.stdout) as { releases: { name: string; archiveVersion: string; pushed: string[] }[] };
    expect(releases.every((release) => release.pushed.length === 1)).toBe(true);
    for (const [chart, version] of [
      ['web', '1.2.3'],
      ['shop', releases[2]!.archiveVersion],
    ] as const) {
      const login = ['--repo', museum.url, '--username', 'ann', '--password', PASSWORD];
      expect(await helm('show', 'chart', chart, '--version', version, ...login)).toContain(`name: ${chart}`);
    }
    expect((await hold('helm export', ...push)).stdout).toBe(pushed.stdout);
    expect(museum.requests.filter((line) => line.startsWith('POST'))).toHaveLength(4);
  });

  it('lets Helm go on with objects that were restored', async () => {
    await place.api.removeNamespaces(NAMESPACE);
    const early = await waited('helm restore web --adopt --from-backup first');
    expect(early).toMatchObject({ code: 3 });
    expect(early.stderr).toMatch(
      /^holdfast: helm "web" failed: release releases\/web: 3 of its 3 objects are not there: .*holdfast restore create.*\n$/m,
    );

    expect((await waited('restore create back --from-backup first')).stdout).toContain('verification: equal');
    // One object lost Helm's marks, and the history lost a record.
    const patch = { 'content-type': 'application/merge-patch+json' };
    const unmarked = { metadata: { labels: { 'app.kubernetes.io/managed-by': null }, annotations: { 'meta.helm.sh/release-name': null } } };
    await place.api.json('PATCH', path('configmaps', 'web-web'), unmarked, patch);
    await place.api.send('DELETE', path('secrets', 'sh.helm.release.v1.web.v1'));
    const adopted = await waited('helm restore web shop called old --adopt --from-backup first -o json');
    expect(adopted).toMatchObject({ code: 0 });
    expect(SCHEMAS['helm-restore'].parse(JSON.parse(adopted.stdout))).toEqual(JSON.parse(adopted.stdout));
    expect(JSON.parse(adopted.stdout)).toMatchObject({
      releases: [
        { name: 'web', action: 'adopted', objects: 3, marked: 1, records: 1 },
        { name: 'shop', action: 'adopted', objects: 2, marked: 0, records: 0 },
        { name: 'called', action: 'adopted', objects: 1, marked: 0, records: 0 },
        { name: 'old', action: 'adopted', objects: 1, marked: 0, records: 0 },
      ],
    });

    await helm('upgrade', 'web', charts.web, '-n', NAMESPACE, '--reuse-values', '--set', 'count=5');
    expect(await data('web-web')).toMatchObject({ count: '5', map: expect.stringContaining('"three":3') });
    await helm('rollback', 'web', '1', '-n', NAMESPACE);
    expect(await data('web-web')).toMatchObject({ count: '3', map: '{"one":1,"two":2}' });
    expect(await status('web')).toMatchObject({ version: 4, info: { status: 'deployed' } });
    await helm('upgrade', 'shop', charts.shop, '-n', NAMESPACE, '--reuse-values');
    expect(await data('shop-store')).toMatchObject({ size: '7' });
    await otherHelm('upgrade', 'old', charts.old, '-n', NAMESPACE);
  });

  it('refuses to adopt what belongs to another release, and changes nothing', async () => {
    const patch = { 'content-type': 'application/merge-patch+json' };
    const other = { metadata: { annotations: { 'meta.helm.sh/release-name': 'other' } } };
    await place.api.json('PATCH', path('configmaps', 'called-called'), other, patch);
    const refused = await waited('helm restore called --adopt --from-backup first');
    expect(refused).toMatchObject({ code: 5 });
    expect(refused.stderr).toMatch(
      /^holdfast: helm "called" failed: release releases\/called: ConfigMap called-called belongs to release releases\/other; .*\n$/m,
    );
  });

  it('installs releases again with Helm, with their values and hooks', async () => {
    await place.api.removeNamespaces(NAMESPACE);
    await place.api.send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.holdfast.dev');
    const restored = await waited(
      'helm restore',
      'web',
      'shop',
      'called',
      'old',
      '--from-backup',
      'first',
      '--helm-timeout',
      '60s',
      '-o',
      'json',
    );
    expect(restored).toMatchObject({ code: 0 });
    const { warnings, phase } = SCHEMAS['helm-restore'].parse(JSON.parse(restored.stdout));
    expect([phase, ...warnings.map(({ code }) => code)]).toEqual(['Completed', 'ReleaseRendered', 'ReleaseRendered']);
    for (const release of RELEASES) expect(await status(release)).toMatchObject({ version: 1, info: { status: 'deployed' } });
    expect(await otherHelm('status', 'old', '-n', NAMESPACE)).toContain('STATUS: deployed');
    expect(await values('web')).toEqual({ count: 4, map: { three: 3, two: null }, secret: SECRET_VALUE });
    expect(await values('shop')).toEqual({ store: { size: 7 } });
    expect(await data('web-web')).toMatchObject({
      count: '4',
      text: 'yes',
      map: '{"one":1,"three":3}',
      file: 'line {{ not a template }}\n',
    });
    expect(await data('web-hook')).toEqual({ ran: 'yes' });
    expect(await data('shop-store-hook')).toEqual({ ran: 'yes' });
    expect(await data('shop-store')).toEqual({ size: '7', braces: 'a {{ b }} c' });
    expect(await data('called-called')).toEqual({ answer: '42' });
    expect((await status('web')).info.notes).toBe('Count: 4\n');
    expect(await place.temporaryFiles()).not.toContainEqual(expect.stringContaining('holdfast-helm-'));

    // What is there is upgraded.
    const again = await waited('helm restore web --from-backup first --no-helm-wait');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/releases +web +upgraded +2 +deployed +web-1\.2\.3/);
    await helm('upgrade', 'shop', charts.shop, '-n', NAMESPACE, '--set', 'store.size=8');
    expect(await data('shop-store')).toMatchObject({ size: '8' });
  });

  it('installs a release under another name and into another namespace, where its chart lets it', async () => {
    const moved = await waited('helm restore web --from-backup first --as second --to-namespace elsewhere --no-helm-wait');
    expect(moved).toMatchObject({ code: 0 });
    expect(await status('second', 'elsewhere')).toMatchObject({ version: 1, info: { status: 'deployed' } });
    expect(await place.api.get('/api/v1/namespaces/elsewhere/configmaps/second-web')).toMatchObject({ data: { count: '4' } });
    const stuck = await waited('helm restore shop --from-backup first --to-namespace elsewhere');
    expect(stuck).toMatchObject({ code: 2 });
    expect(stuck.stderr).toMatch(
      /^holdfast: helm "shop" failed: release releases\/shop can only be installed where it was: .*--chart.*\n$/m,
    );
    const given = await waited('helm restore shop --from-backup first --no-helm-wait --to-namespace elsewhere --chart', charts.shop);
    expect(given).toMatchObject({ code: 0 });
    expect(await place.api.get('/api/v1/namespaces/elsewhere/configmaps/shop-store')).toMatchObject({ data: { size: '7' } });
  });

  it('adopts in another namespace what was restored there', async () => {
    expect((await waited('restore create moved --from-backup first --namespace-mappings releases:third')).code).toBe(0);
    const adopted = await waited('helm restore web --adopt --from-backup first --to-namespace third');
    expect(adopted).toMatchObject({ code: 0 });
    await helm('upgrade', 'web', charts.web, '-n', 'third', '--reuse-values', '--set', 'count=6');
    expect(await place.api.get('/api/v1/namespaces/third/configmaps/web-web')).toMatchObject({ data: { count: '6' } });
    expect(await status('web', 'third')).toMatchObject({ version: 3 });
  });

  it('shows values and passwords nowhere', async () => {
    for (const { stdout, stderr } of place.outputs) expect(`${stdout}${stderr}`).not.toMatch(/canary/);
    const folders = [...place.watchedFolders, join(place.folder, 'locations')];
    for (const folder of folders) expect(await canariesInFolder(folder, [SECRET_VALUE, PASSWORD])).toEqual([]);
  });

  it('says in one line what is wrong', async () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      [
        'helm restore wbe --from-backup first',
        3,
        /^holdfast: helm "wbe" failed: backup "first" has no release "wbe"; it has releases\/called, .*\n$/m,
      ],
      ['helm restore web shop --as other --from-backup first', 2, /^holdfast: --as names one release.*\n$/],
      ['helm export --push-to nowhere', 4, /^error: .*chart repository "nowhere" is not configured; .*\n$/],
    ];
    for (const [line, code, message] of cases) {
      const result = await (line.startsWith('helm restore') ? waited : hold)(line);
      expect(result).toMatchObject({ code });
      expect(result.stderr).toMatch(message);
    }
  });
});

/** What `helm get values` prints above the values. */
function dropped(values: object, heading: string): object {
  const { [heading as keyof object]: _heading, ...rest } = values;
  return rest;
}
