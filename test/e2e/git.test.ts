import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { parse, stringify } from 'yaml';
import type { ObjectHistory, SyncGitResult } from '../../contracts/git.ts';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { openWithAge } from '../support/age-program.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { canariesInFolder, findCanaries, newCanary } from '../support/canaries.ts';
import { helmProgram, writeCharts } from '../support/charts.ts';
import { settings, testRemote } from '../support/git-remotes.ts';
import { configMap, deployment, namespace, service } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { until } from '../support/raw-api.ts';

const TEST_LABEL = { labels: { app: 'web' } };
const secret = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'shop' },
  stringData: { password: value },
});

describe('a cluster in Git', () => {
  let place: TestPlace;
  let remote: BareRepository;
  let branch: string;
  let canary: string;
  let identityFile: string;

  beforeAll(async () => {
    place = await TestPlace.open();
    [remote] = await Promise.all([BareRepository.make(), place.addLocation('main')]);
    branch = place.cluster.context;
    canary = newCanary('secret');
    const identity = await generateX25519Identity();
    identityFile = join(place.folder, 'age.key');
    await writeFile(identityFile, `# made for a test\n${identity}\n`);
    const encrypted = { url: remote.folder, branch: 'sealed', secrets: 'encrypt', recipients: [await identityToRecipient(identity)] };
    const configuration = parse(await readFile(place.configFile, 'utf8')) as object;
    const gitRemotes = [
      { name: 'plain', url: remote.folder },
      { name: 'sealed', ...encrypted, identity: { file: identityFile } },
      { name: 'releases', url: remote.folder, branch: 'releases', helmValues: 'plain' },
    ];
    await writeFile(place.configFile, stringify({ ...configuration, gitRemotes }));
    await place.api.create(namespace('shop'));
    await place.api.create(namespace('other'));
    await place.api.create(configMap('shop', 'settings', { 'app.conf': 'a = 1\nb = "x"\n', on: 'yes' }));
    await place.api.create(secret('key', canary));
    await place.api.create(deployment('shop', 'web'));
    await place.api.create(service('shop', 'web', { selector: TEST_LABEL.labels, ports: [{ port: 80 }] }));
    await place.api.create(configMap('other', 'settings', { a: 'b' }));
    await place.startWorker();
  }, 240_000);

  afterAll(async () => {
    await place.close();
    await remote.remove();
  }, 60_000);

  const hold = (words: string) => place.run(words.split(' '));
  const sync = async (words: string): Promise<SyncGitResult> => {
    const ran = await hold(`git sync ${words} --wait -o json`);
    expect(ran).toMatchObject({ code: 0 });
    return SCHEMAS['git-sync'].parse(JSON.parse(ran.stdout)) as SyncGitResult;
  };
  const log = async (words: string): Promise<ObjectHistory> => {
    const ran = await hold(`git log ${words} -o json`);
    expect(ran).toMatchObject({ code: 0 });
    return SCHEMAS['git-log'].parse(JSON.parse(ran.stdout));
  };

  it('is one commit with what people have written, and none when nothing has changed', async () => {
    // The controllers have reacted to what was created.
    await until('the deployment is seen', async () => {
      const found = await place.api.read(deployment('shop', 'web'));
      return (found?.['status'] as { replicas?: number } | undefined)?.replicas === 1;
    });
    const first = await sync('plain -n shop');
    expect(first).toMatchObject({ phase: 'Completed', branch, changed: 0, deleted: 0 });
    expect(await remote.files(branch)).toEqual([
      '_cluster/namespaces/shop.yaml',
      'shop/configmaps/settings.yaml',
      'shop/deployments.apps/web.yaml',
      'shop/serviceaccounts/default.yaml',
      'shop/services/web.yaml',
    ]);
    expect(await remote.read(branch, 'shop/configmaps/settings.yaml')).toBe(
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: shop\ndata:\n  app.conf: |\n    a = 1\n    b = "x"\n  "on": "yes"\n',
    );
    const written = (await remote.read(branch, 'shop/services/web.yaml')) + (await remote.read(branch, 'shop/deployments.apps/web.yaml'));
    expect(written).not.toMatch(/uid|resourceVersion|creationTimestamp|managedFields|status|clusterIPs?:|kubernetes.io\/revision/);
    const message = await remote.message(branch);
    expect(message).toMatch(new RegExp(`^sync ${branch}: 5 created\\n\\n`));
    expect(message).toContain('created Deployment shop/web\n');
    expect(message).toMatch(new RegExp(`\\nHoldfast-Cluster: ${branch}\\nHoldfast-Revision: \\d+$`));
    expect(await sync('plain -n shop')).toMatchObject({ commit: '', created: 0, files: 5 });
    expect(await remote.commits(branch)).toEqual([first.commit]);
  }, 120_000);

  it('tells the history of an object, and brings a state back from a commit with a plan first', async () => {
    const before = (await remote.commits(branch))[0]!;
    await place.api.mergePatch(deployment('shop', 'web'), { spec: { replicas: 2 } });
    await place.api.mergePatch(configMap('shop', 'settings'), { data: { on: null, extra: 'new' } });
    await remote.commitFile(branch, 'README.md', 'ours\n');
    await sync('plain -n other');
    const changed = await sync('plain -n shop');
    expect(changed).toMatchObject({ created: 0, changed: 2, deleted: 0 });
    expect(await remote.files(branch)).toEqual(expect.arrayContaining(['README.md', 'other/configmaps/settings.yaml']));

    const history = await log('plain deploy/web -n shop');
    expect(history.commits).toMatchObject([
      { commit: changed.commit, what: 'changed', fields: [{ path: 'spec.replicas', from: '1', to: '2' }] },
      { commit: before, what: 'created', fields: [] },
    ]);
    const words = await hold('git log plain configmap/settings -n shop');
    expect(words.stdout).toMatch(/ConfigMap.*settings/);
    expect(words.stdout).toContain('    data.extra: added "new"\n    data.on: removed "yes"');

    const asked = `--remote plain -n shop --object deployment/web --existing update`;
    const plan = await hold(`git restore ${before.slice(0, 10)} ${asked} --plan -o json`);
    expect(SCHEMAS['restore-plan'].parse(JSON.parse(plan.stdout))).toMatchObject({
      counts: { update: 1 },
      objects: [{ action: 'unchanged' }, { action: 'update', differs: ['/spec/replicas'] }],
    });
    expect((await hold('backup get -o name')).stdout.trim()).toBe('');

    const restored = await hold(`git restore HEAD~3 ${asked} --wait`);
    expect(restored).toMatchObject({ code: 0 });
    expect(restored.stdout).toContain('1 update');
    expect((await place.api.read(deployment('shop', 'web')))?.['spec']).toMatchObject({ replicas: 1 });
    const listed = JSON.parse((await hold('backup get -o json')).stdout) as { backups: readonly object[] };
    expect(listed.backups).toMatchObject([{ name: `git-${before.slice(0, 12)}`, labels: { 'holdfast.dev/from-git': before } }]);
  }, 180_000);

  it('comes back whole after its namespace is gone, and says what was deleted', async () => {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'scaled' };
    await place.api.create(deployment('shop', 'scaled', 3));
    await place.api.create({
      ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'scaled', namespace: 'shop' } },
      spec: { minReplicas: 1, maxReplicas: 5, scaleTargetRef },
    });
    const { uid } = (await place.api.read(deployment('shop', 'scaled')))!['metadata'] as unknown as { readonly uid: string };
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'scaled' };
    await place.api.create(configMap('shop', 'owned', { a: 'b' }, { ownerReferences: [{ ...owner, uid }] }));
    expect(await sync('plain -n shop')).toMatchObject({ created: 3 });
    expect(await remote.read(branch, 'shop/configmaps/owned.yaml')).not.toContain(uid);
    expect(await remote.read(branch, 'shop/deployments.apps/scaled.yaml')).not.toContain('replicas:');
    await place.api.removeNamespaces('shop');
    const gone = await sync('plain');
    expect(gone.deleted).toBeGreaterThanOrEqual(5);
    expect(await remote.message(branch)).toContain('deleted Deployment shop/web');
    expect((await remote.files(branch)).filter((path) => path.startsWith('shop/'))).toEqual([]);
    const restored = await hold(`git restore HEAD~1 --remote plain -n shop --wait`);
    expect(restored.stdout).toContain('verification: equal');
    expect(restored).toMatchObject({ code: 0 });
    const scaled = await place.api.read(deployment('shop', 'scaled'));
    expect(await place.api.read(configMap('shop', 'owned'))).toMatchObject({
      metadata: { ownerReferences: [{ ...owner, uid: (scaled!['metadata'] as unknown as { readonly uid: string }).uid }] },
    });
    expect(await place.api.read(configMap('shop', 'settings'))).toMatchObject({ data: { 'app.conf': 'a = 1\nb = "x"\n', extra: 'new' } });
  }, 180_000);

  it('has Secrets only encrypted, for age itself, and only when they have changed', async () => {
    await place.api.create(secret('key', canary));
    const first = await sync('sealed -n shop --include-resources secrets');
    expect(first).toMatchObject({ created: 2 });
    const file = 'shop/secrets/key.yaml.age';
    expect(await remote.files('sealed')).toContain(file);
    const sealed = join(place.folder, 'sealed.age');
    await writeFile(sealed, await remote.read('sealed', file));
    expect(parse(await openWithAge(sealed, identityFile))).toMatchObject({
      kind: 'Secret',
      data: { password: Buffer.from(canary).toString('base64') },
    });
    expect(await sync('sealed -n shop --include-resources secrets')).toMatchObject({ commit: '' });
    // Also where nothing is remembered.
    await rm(join(place.folder, 'state', 'git'), { recursive: true });
    expect(await sync('sealed -n shop --include-resources secrets')).toMatchObject({ commit: '' });
    await place.api.mergePatch(secret('key', ''), { stringData: { password: `${canary}-2` } });
    expect(await sync('sealed -n shop --include-resources secrets')).toMatchObject({ changed: 1 });
    expect((await log('sealed secret/key -n shop')).commits.map(({ what, fields }) => [what, fields.length])).toEqual([
      ['changed', 0],
      ['created', 0],
    ]);
    await place.api.remove(secret('key', ''));
    const restored = await hold(`git restore ${first.commit} --remote sealed -n shop --wait`);
    expect(restored).toMatchObject({ code: 0 });
    expect(await place.api.read(secret('key', ''))).toMatchObject({ data: { password: Buffer.from(canary).toString('base64') } });
  }, 180_000);

  it('can be what a backup has captured', async () => {
    expect(await hold('backup create b1 -n shop --wait')).toMatchObject({ code: 0 });
    await place.api.mergePatch(configMap('shop', 'settings'), { data: { extra: 'newer' } });
    await sync('plain -n shop');
    const synced = await sync('plain -n shop --from-backup b1');
    expect(synced).toMatchObject({ changed: 1, created: 0, deleted: 0 });
    expect(await remote.message(branch)).toContain('Holdfast-Backup: b1');
    expect(await remote.read(branch, 'shop/configmaps/settings.yaml')).toContain('extra: new\n');
  }, 120_000);

  it('is brought up to date by a schedule, which makes no backups', async () => {
    const create = (words: string) =>
      place.run(['schedule', 'create', 'state', '--schedule', '@every 720h', '--git-only', ...words.split(' ')]);
    expect(await create('-n shop')).toMatchObject({ code: 2, stderr: expect.stringContaining('--git-only needs --git') });
    expect(await create('-n shop --git plain --ttl 1h --helm')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--git-only makes no backups: leave out --ttl, --helm'),
    });
    expect(await create('-n shop --git plain')).toMatchObject({ code: 0 });
    await place.api.mergePatch(configMap('shop', 'settings'), { data: { extra: 'scheduled' } });
    const backups = (await hold('backup get -o name')).stdout;
    const first = await hold('schedule trigger state --wait');
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/sync to "plain", branch \S+: commit [0-9a-f]{12}: 0 created, 1 changed, 0 deleted/),
    });
    expect(await remote.read(branch, 'shop/configmaps/settings.yaml')).toContain('extra: scheduled\n');
    expect((await hold('schedule trigger state --wait')).stdout).toContain('nothing changed, no commit');
    expect((await hold('backup get -o name')).stdout).toBe(backups);
    const described = JSON.parse((await hold('schedule describe state -o json')).stdout) as object;
    expect(SCHEMAS['schedule-describe'].parse(described)).toMatchObject({
      location: '',
      action: { type: 'git', remotes: ['plain'], selection: { includedNamespaces: ['shop'] } },
      lastGood: { name: expect.any(String) },
      rpo: { overdue: false },
    });
    expect((await hold('schedule describe state')).stdout).toContain('sync of shop to Git: plain');
    expect((await hold('coverage -o json')).stdout).not.toContain('"state"');
    expect(await hold('schedule delete state --confirm')).toMatchObject({ code: 0 });
  }, 180_000);

  it('has chart and values of what Helm has installed, as one commit for each change of them', async () => {
    await place.api.create(namespace('charts'));
    const helm = await helmProgram(place.folder, place.cluster.kubeconfigPath);
    const { shop } = await writeCharts(join(place.folder, 'charts'));
    await helm('install', 'mine', shop, '-n', 'charts', '--set', 'store.size=7');
    expect(await sync('releases -n charts')).toMatchObject({ phase: 'Completed', warnings: [] });
    const read = async (file: string): Promise<unknown> => parse(await remote.read('releases', `charts/_helm/mine/${file}.yaml`));
    expect(await read('release')).toEqual({ name: 'mine', namespace: 'charts', chart: 'shop', version: '0.3.0' });
    expect(await read('values')).toEqual({ store: { size: 7 } });
    expect(await read('computed-values')).toMatchObject({ store: { enabled: true, size: 7 } });
    expect(await remote.message('releases')).toContain('created release charts/mine\n');
    await helm('upgrade', 'mine', shop, '-n', 'charts', '--reuse-values');
    expect(await sync('releases -n charts')).toMatchObject({ commit: '' });

    await helm('upgrade', 'mine', shop, '-n', 'charts', '--set', 'store.size=9');
    expect(await hold('backup create charts -n charts --git releases --wait')).toMatchObject({ code: 0 });
    const words = await hold('git log releases release/mine -n charts');
    expect(words.stdout).toMatch(/^release charts\/mine in "releases"[^]*changed[^]*    values.store.size: 7 → 9\n[^]*created/);
    const plan = await hold('git restore HEAD --remote releases -n charts --plan');
    expect(plan).toMatchObject({ code: 0, stderr: expect.not.stringContaining('_helm') });

    await helm('uninstall', 'mine', '-n', 'charts');
    await sync('releases -n charts');
    expect(await remote.message('releases')).toContain('deleted release charts/mine\n');
  }, 180_000);

  it("does not touch what another cluster has written, unless it takes that cluster's place", async () => {
    const elsewhere = await testRemote({ url: remote.folder }, { cluster: 'elsewhere', branch: 'releases' });
    await elsewhere.sync([settings('theirs', {}, 'charts')], {
      selection: { includedNamespaces: ['charts'], includedResources: ['cm'], objects: ['cm/charts/theirs'] },
    });
    await elsewhere.remove();
    const refused = await hold('git sync releases -n charts --wait');
    expect(refused).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/charts\/configmaps\/theirs.yaml in branch releases belongs to cluster "elsewhere".*--take-over/),
    });
    expect(await sync('releases -n charts --take-over')).toMatchObject({ deleted: 1 });
    expect(await remote.message('releases')).toMatch(/^sync .*: 1 deleted; takes over from elsewhere\n/);
  }, 120_000);

  it('shows nothing secret anywhere', async () => {
    const canaries = [canary];
    expect(findCanaries('git', Buffer.from(await remote.everything()), canaries)).toEqual([]);
    const printed = place.outputs.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(findCanaries('printed', Buffer.from(printed), canaries)).toEqual([]);
    for (const folder of [...place.watchedFolders, remote.folder]) expect(await canariesInFolder(folder, canaries)).toEqual([]);
  });

  it('says in one line what is wrong', async () => {
    expect(await hold('git sync nowhere -n shop --wait')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/"nowhere" is not configured; known: plain, sealed, releases\n/),
    });
    expect(await hold('git log plain deploy/nothing -n shop')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has never held deploy/nothing'),
    });
    expect(await hold('git restore deadbeef --remote plain --wait')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('there is no commit "deadbeef"'),
    });
  }, 60_000);
});
