import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { helmProgram, writeCharts } from '../support/charts.ts';
import { NodePlace } from '../support/node-place.ts';
import { configMap } from '../support/objects.ts';
import { projectFile, TestPlace } from '../support/place.ts';
import { until } from '../support/raw-api.ts';
import { startTestNode } from '../support/sandbox-env.ts';
import { StorageDoor } from '../support/storage-door.ts';
import { etcdAccess } from '../support/sandbox-snapshot.ts';
import { CLUSTER_OBJECTS, GUARD, NAMESPACE, owned, PORT, PROJECT, SUM, WIDGET } from './cluster-recovery-project.ts';
import { Runbook } from './runbook.ts';

const BRANCH = 'prod';
const BACKUP = 'whole';
const NAMESPACES = [NAMESPACE, 'releases'];

/**
 * docs/runbooks/cluster-is-gone.md, run from its text, with a cluster that has a node, and data: nothing of it, of its worker or of its Temporal
 * server is left when the recovery begins.
 */
describe('a cluster that is gone', () => {
  let lost: NodePlace;
  let found: TestPlace;
  let door: StorageDoor;
  let remote: BareRepository;
  let runbook: Runbook;
  /** What somebody has kept in another place: the key, and the configuration. */
  let kept: string;
  /** The folder that the commands of the recovery are run in. */
  let cold: string;
  let env: NodeJS.ProcessEnv;
  const closing: (() => Promise<void>)[] = [];
  let before: { readonly snapshot: Snapshot; readonly sum: string; readonly rows: number; readonly id: readonly string[] };

  async function folder(name: string): Promise<string> {
    const made = await mkdtemp(join(tmpdir(), `holdfast-test-${name}-`));
    closing.push(() => rm(made, { recursive: true, force: true }));
    return made;
  }
  const step = (title: string) => runbook.run(title, { env, cwd: cold });
  const snapshotOf = ({ api }: TestPlace) => takeSnapshot(api, NAMESPACES, { cluster: CLUSTER_OBJECTS });
  /** Those of the project, and those of the chart. */
  const widgetsAreOffered = ({ api }: TestPlace) =>
    until('widgets are offered', async () => {
      api.forgetKinds();
      return (await api.kinds()).filter(({ plural }) => plural === 'widgets').length === 2;
    });
  /** Lines of a file that the database serves to whoever asks it over the network; none while it does not. */
  async function served({ api }: TestPlace, file: 'id' | 'log'): Promise<readonly string[]> {
    const pod = await api.get(`/api/v1/namespaces/${NAMESPACE}/pods/db-0`);
    const { podIP = 'none' } = (pod?.['status'] ?? {}) as { readonly podIP?: string };
    const answer = await fetch(`http://${podIP}:${PORT}/${file}`).catch(() => undefined);
    return answer?.ok ? (await answer.text()).trimEnd().split('\n') : [];
  }
  async function serves(place: TestPlace, rows: number): Promise<readonly string[]> {
    let seen: readonly string[] = [];
    await until(`the database serves ${rows} rows`, async () => (seen = await served(place, 'log')).length >= rows, 120_000);
    return seen;
  }
  /** What a shell in the pod with the files prints. */
  async function exec({ api, cluster: { kubeconfigPath: kubeconfig, context } }: TestPlace, script: string): Promise<string> {
    const pods = await api.get(`/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app%3Dfiles`);
    const [pod] = (pods?.['items'] ?? []) as unknown as readonly { readonly metadata: { readonly name: string } }[];
    const cluster = await connectCluster({ name: 'test', kubeconfig, context });
    try {
      const command = ['sh', '-c', script];
      const { exitCode, stdout, stderr } = await cluster.exec({
        namespace: NAMESPACE,
        pod: pod?.metadata.name ?? '',
        container: '',
        command,
      });
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
      return stdout;
    } finally {
      await cluster.close();
    }
  }
  const filesAreThere = (place: TestPlace) =>
    until(
      'the pod with the files is ready',
      () =>
        exec(place, 'test -e /tmp/ready').then(
          () => true,
          () => false,
        ),
      120_000,
    );

  beforeAll(async () => {
    [lost, remote, runbook] = await Promise.all([
      NodePlace.open({ withStorageDriver: true }),
      BareRepository.make(),
      Runbook.read(projectFile('docs/runbooks/cluster-is-gone.md')),
    ]);
    kept = await folder('kept');
    closing.push(
      () => lost.close(),
      () => remote.remove(),
    );
    const { place } = lost;
    const { endpoint, ...files } = await etcdAccess(place.cluster.folder);
    const configuration = parse(await readFile(place.configFile, 'utf8')) as Record<string, unknown>;
    const { locations, ...worth } = configuration;
    const remembered = { ...worth, gitRemotes: [{ name: 'state', url: remote.folder, branch: BRANCH }] };
    const clusters = { [place.cluster.context]: { etcd: { endpoints: [endpoint], ...files } } };
    await writeFile(place.configFile, stringify({ ...remembered, locations, clusters }));
    await writeFile(join(kept, 'config.yaml'), stringify(remembered));
    await cp(join(place.folder, 'main.key'), join(kept, 'main.key'));

    for (const object of PROJECT) await place.api.create(object);
    const widget = await place.api.create(WIDGET);
    await place.api.create(owned((widget['metadata'] as { readonly uid: string }).uid));
    await place.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'releases' } });
    const helm = await helmProgram(place.folder, place.cluster.kubeconfigPath);
    const { web } = await writeCharts(join(place.folder, 'charts'));
    await helm('install', 'web', web, '-n', 'releases', '--set', 'count=3');
    await widgetsAreOffered(place);
    await filesAreThere(place);
    await place.api.create(GUARD);
    const rows = (await serves(place, 5)).length;
    before = { snapshot: await snapshotOf(place), sum: await exec(place, SUM), rows, id: await served(place, 'id') };
    expect(before.id).toHaveLength(1);
  }, 300_000);

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  }, 60_000);

  it('was backed up with its volumes, its store, its charts and its history in one run', async () => {
    expect(await lost.hold(`backup create ${BACKUP} --include-etcd --helm --git state`)).toMatchObject({ code: 0 });
    const described = SCHEMAS['backup-describe'].parse(JSON.parse((await lost.hold(`backup describe ${BACKUP} -o json`)).stdout));
    expect(described).toMatchObject({
      phase: 'Completed',
      etcd: { members: [expect.anything()], alarms: [] },
      releases: [{ namespace: 'releases', name: 'web', revision: 1, archiveKind: 'source' }],
    });
    const volumes = described.volumes?.map(({ claim, method, data }) => ({ claim, method, kind: data?.kind }));
    expect(volumes?.sort((a, b) => (a.claim < b.claim ? -1 : 1))).toEqual([
      { claim: 'data-db-0', method: 'data-move', kind: 'restic' },
      { claim: 'kept', method: 'data-move', kind: 'restic' },
      { claim: 'local', method: 'file-system', kind: 'restic' },
    ]);
    expect(await remote.message(BRANCH)).toContain(`Holdfast-Backup: ${BACKUP}`);
  }, 240_000);

  it('leaves nothing but its location, and what was kept', async () => {
    const { place } = lost;
    await place.cluster.stop();
    await rm(place.folder, { recursive: true, force: true, maxRetries: 5 });
    expect([place.cluster.folder, place.folder].filter((folder) => existsSync(folder))).toEqual([]);

    const node = await startTestNode({ withStorageDriver: true });
    found = await TestPlace.open({ cluster: node, temporal: false });
    const { s3 } = place;
    door = await StorageDoor.open(Number(new URL(s3?.endpoint ?? '').port), node.place.hostAddress);
    cold = await folder('cold');
    closing.push(
      () => found.close(),
      () => door.close(),
    );
    await cp(join(kept, 'config.yaml'), found.configFile);
    const { NODE_OPTIONS: _ours, ...environment } = found.environment;
    const helm = (await resolveTools(['helm'])).get('helm')!;
    env = {
      ...environment,
      PATH: [projectFile('bin'), dirname(helm), environment['PATH']].join(':'),
      AWS_ACCESS_KEY_ID: s3?.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3?.secretAccessKey,
      URL: place.storage?.access('main', '').url,
      STORE: `--endpoint http://${node.place.hostAddress}:${door.port} --region ${s3?.region ?? ''} --path-style`,
      KEY: join(kept, 'main.key'),
      BACKUP,
      RELEASES: 'web',
      REMOTE: 'state',
    };
  }, 240_000);

  it('is reached, and its recovery is looked at first', async () => {
    await step('Reach both');
    expect(await step('Choose the recovery point')).toContain(BACKUP);
    expect(await step('Look first')).toContain('create');
    expect(await found.api.get(`/api/v1/namespaces/${NAMESPACE}`)).toBeUndefined();
  }, 120_000);

  it('comes back in another cluster, with its data, definitions first and the guard last', async () => {
    const printed = await step('Restore');
    expect(printed).toContain('verification: equal');
    await widgetsAreOffered(found);
    expect(await snapshotOf(found)).toEqual(before.snapshot);
    const record = SCHEMAS['restore-describe'].parse(
      JSON.parse((await found.run(['restore', 'describe', 'recovery', '-o', 'json'], env)).stdout),
    );
    expect(record.volumes?.map(({ claim, outcome }) => `${claim} ${outcome}`).sort()).toEqual([
      'data-db-0 restored',
      'kept restored',
      'local restored',
    ]);
    const ORDER = [
      'apply custom resource definitions',
      'apply namespaces',
      'apply volumes and service accounts',
      'restore volumes',
      'apply workloads',
      'apply custom resources',
      'relink owners',
      'apply admission webhooks and policies',
      'verify',
    ];
    expect(record.steps.map(({ step: name }) => name).filter((name) => ORDER.includes(name))).toEqual(ORDER);
    const refused = await found.api.send('POST', `/api/v1/namespaces/${NAMESPACE}/configmaps`, JSON.stringify(configMap(NAMESPACE, 'new')));
    expect(refused.text).toContain('failed calling webhook');
  }, 300_000);

  it('runs again, and serves what it had', async () => {
    await step('See that it runs');
    await filesAreThere(found);
    expect(await exec(found, SUM)).toBe(before.sum);
    const rows = await serves(found, before.rows);
    expect(rows).toEqual(rows.map((_, index) => String(index + 1)));
    expect(await served(found, 'id')).toEqual(before.id);
    await serves(found, rows.length + 3);
  }, 240_000);

  it('has releases that Helm goes on with', async () => {
    expect(await step('Helm')).toContain('web');
    const helm = await helmProgram(found.folder, found.cluster.kubeconfigPath);
    const { web } = await writeCharts(join(found.folder, 'charts'));
    await helm('upgrade', 'web', web, '-n', 'releases', '--reuse-values', '--set', 'secret=other');
    expect(JSON.parse(await helm('status', 'web', '-n', 'releases', '-o', 'json'))).toMatchObject({
      version: 2,
      info: { status: 'deployed' },
    });
    expect(JSON.parse(await helm('get', 'values', 'web', '-n', 'releases', '-o', 'json'))).toMatchObject({ count: 3 });
  }, 120_000);

  it('is in Git as it was', async () => {
    const [last = ''] = await remote.commits(BRANCH);
    await step('Git');
    // What was provisioned has new names.
    const changed = await remote.git('diff', '--name-only', last, BRANCH, '--', ':(exclude)_cluster/persistentvolumes');
    expect(changed).toBe('');
  }, 120_000);

  it('is backed up again, and no command of the runbook was left out', async () => {
    await step('Afterwards');
    expect(runbook.left).toEqual([]);
  }, 240_000);
});
