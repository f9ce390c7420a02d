import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { canariesInFolder, findCanaries, newCanary } from '../support/canaries.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { collect } from '../support/collect.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { checkInvariants } from '../support/invariants.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { eachOf, kubeconfigAccess, until } from '../support/raw-api.ts';
import { startTestTemporal } from '../support/sandbox-env.ts';

const NAMESPACE = 'cli';

describe('the command line', () => {
  let place: TestPlace;
  let proxy: FaultProxy;
  let expected: Snapshot;
  let slowKubeconfig: string;

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    await place.api.create(namespace(NAMESPACE));
    const secret = newCanary('secret');
    place.canaries.push(secret);
    await eachOf(
      Array.from({ length: 150 }, (_, index) => index),
      8,
      (index) =>
        place.api.create(configMap(NAMESPACE, `c-${index}`, { text: `${secret} ${index}` }, { labels: { half: String(index % 2) } })),
    );
    expected = await takeSnapshot(place.api, [NAMESPACE]);
    proxy = await FaultProxy.start({ upstream: await kubeconfigAccess(place.cluster.kubeconfigPath) });
    slowKubeconfig = await place.writeKubeconfig({ slow: proxy.url });
  }, 240_000);

  afterAll(async () => {
    await proxy.stop();
    await place.close();
  }, 60_000);

  const hold = (run: string, ...rest: readonly string[]) => place.run([...run.split(' '), ...rest]);
  const keys = async () => (await collect(place.locations.get('main')!.store.list(''))).map(({ key }) => key);

  it('prints a request with -o yaml or json and sends nothing', async () => {
    const before = await keys();
    const yaml = await hold('backup create asked -n cli -l half=1 -o yaml');
    expect(yaml).toMatchObject({ code: 0, stderr: '' });
    expect(parse(yaml.stdout)).toMatchObject({
      name: 'asked',
      location: 'main',
      cluster: place.cluster.context,
      selection: { includedNamespaces: ['cli'], labelSelector: 'half=1' },
    });
    const json = await hold('create backup asked --include-namespaces cli --selector half=1 -o json');
    expect(JSON.parse(json.stdout)).toEqual(parse(yaml.stdout));
    expect(parse((await hold('restore create back --from-backup asked --namespace-mappings cli:other -o yaml')).stdout)).toMatchObject({
      backup: 'asked',
      options: { namespaceMapping: { cli: 'other' } },
    });
    expect(await keys()).toEqual(before);
    // Nothing was started for it either.
    expect((await hold('backup get -o name')).stdout.trim()).toBe('');
    await expect(readFile(join(place.folder, 'state', 'temporal', 'temporal.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('backs up, shows, compares, restores and deletes, with exit code 0', async () => {
    const before = await keys();
    const plan = await hold('backup plan -n cli -o json');
    expect(JSON.parse(plan.stdout)).toMatchObject({ objectCount: expect.any(Number), namespaces: ['cli'] });
    expect(await keys()).toEqual(before);

    expect(await hold('backup create first -n cli')).toMatchObject({ code: 0 });
    const [get, swapped, plural] = [
      await hold('backup get -o json'),
      await hold('get backups -o json'),
      await hold('backups get first -o json'),
    ];
    expect(JSON.parse(get.stdout)).toMatchObject({ backups: [{ name: 'first', phase: 'Completed', errors: [] }] });
    expect(JSON.parse(swapped.stdout)).toEqual(JSON.parse(get.stdout));
    expect((JSON.parse(plural.stdout) as { backups: unknown }).backups).toEqual((JSON.parse(get.stdout) as { backups: unknown }).backups);
    expect(parse((await hold('backup get -o yaml')).stdout)).toEqual(JSON.parse(get.stdout));
    expect((await hold('backup get -o name')).stdout).toBe('backup/first\n');
    expect((await hold('describe backup first')).stdout).toContain('Completed');
    expect((await hold('backup logs first')).stdout).toMatch(/info\s+capture/);

    await place.api.mergePatch(configMap(NAMESPACE, 'c-0'), { data: { text: 'changed' } });
    await place.api.remove(configMap(NAMESPACE, 'c-1'));
    const diff = JSON.parse((await hold('backup diff first --live -o json')).stdout) as {
      removed: { name: string }[];
      changed: { object: { name: string } }[];
    };
    expect(diff.removed.map(({ name }) => name)).toEqual(['c-1']);
    expect(diff.changed.map(({ object }) => object.name)).toEqual(['c-0']);
    const planned = JSON.parse((await hold('restore plan --from-backup first --existing update -o json')).stdout) as { counts: unknown };
    expect(planned.counts).toMatchObject({ create: 1, update: 1, conflict: 0, refuse: 0 });
    expect(await hold('restore create back --from-backup first --existing update')).toMatchObject({ code: 0 });
    expect(JSON.parse((await hold('restore get back -o json')).stdout)).toMatchObject({
      restores: [{ name: 'back', phase: 'Completed', verification: { equal: true } }],
    });
    expect((await hold('get restores -o name')).stdout).toBe('restore/back\n');

    expect(await hold('backup create second -n cli')).toMatchObject({ code: 0 });
    expect((await hold('backup diff first second -o name')).stdout.trim()).toBe('');
    expect(await hold('backup delete second --confirm')).toMatchObject({ code: 0 });
    expect((await hold('backup get -o name')).stdout).toBe('backup/first\n');
    const live = [{ expected, namespaces: [NAMESPACE] }];
    expect(await checkInvariants({ place, location: 'main', captured: { first: { snapshot: expected } }, live })).toEqual([]);
  });

  it('ends with 4 for a partial run and with 5 for a failed one', async () => {
    const apiService = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.down.example.com' },
      spec: {
        group: 'down.example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { name: 'nobody', namespace: 'default' },
      },
    };
    await place.api.create(apiService);
    await until('it is known to be down', async () => JSON.stringify(await place.api.read(apiService)).includes('ServiceNotFound'));
    const partial = await hold('backup create partial -n cli');
    await place.api.remove(apiService);
    expect(partial.code).toBe(4);
    expect(partial.stdout).toContain('down.example.com/v1');

    await place.api.mergePatch(configMap(NAMESPACE, 'c-0'), { data: { text: 'changed' } });
    const failed = await hold('restore create refused --from-backup first --existing fail');
    expect(failed.code).toBe(5);
    expect(failed.stderr).toMatch(/ConfigMap cli\/c-0/);
    await place.api.mergePatch(configMap(NAMESPACE, 'c-0'), {
      data: (JSON.parse(expected.get('ConfigMap cli/c-0') ?? '{}') as { data: unknown }).data,
    });
  });

  describe('interrupted while the run goes on', () => {
    const slow = () => {
      proxy.rules({ name: 'slow', path: /limit=/, fault: { kind: 'delay', ms: 1_500 } });
    };
    const underWay = async (name: string) => {
      slow();
      const seen = proxy.done['slow'] ?? 0;
      const command = place.start(['backup', 'create', name, '-n', 'cli', '--kubeconfig', slowKubeconfig]);
      await until('it captures', () => (proxy.done['slow'] ?? 0) > seen + 2);
      return command;
    };
    const exists = async (name: string) => (await hold('backup get -o name')).stdout.includes(`backup/${name}\n`);

    it('by Ctrl-C: 130, and the next command sees to it that the run is finished', async () => {
      const command = await underWay('interrupted');
      const ended = await command.kill('SIGINT');
      expect(ended).toMatchObject({ code: 130, stderr: expect.stringContaining('goes on') });
      proxy.rules();
      expect((await hold('backup get')).stderr).toContain('picking up in the background');
      await until('it is finished in the background', () => exists('interrupted'), 60_000);
    });

    it('by kill -9: `worker run --until-idle` finishes the run and ends', async () => {
      const command = await underWay('killed');
      await command.kill('SIGKILL');
      proxy.rules();
      expect(await hold('worker run --until-idle')).toMatchObject({ code: 0 });
      expect(await exists('killed')).toBe(true);
      const captured = { killed: { snapshot: expected }, interrupted: { snapshot: expected } };
      expect(await checkInvariants({ place, location: 'main', captured })).toEqual([]);
    });
  });

  it('is only a client where a Temporal server is configured; a worker elsewhere does the work, and history is encrypted', async () => {
    const temporal = await startTestTemporal();
    const selector = newCanary('selector').slice(0, 60);
    try {
      const config = await readFile(place.configFile, 'utf8');
      await writeFile(join(place.folder, 'payload.key'), randomBytes(32).toString('base64'));
      await writeFile(join(place.folder, 'client.yaml'), `${config}payloadKey:\n  file: ${join(place.folder, 'payload.key')}\n`);
      const env = { TEMPORAL_ADDRESS: temporal.address, HOLDFAST_CONFIG: join(place.folder, 'client.yaml') };
      const client = (...args: readonly string[]) => place.run(args, env);
      const left = await client('backup', 'create', 'remote', '-n', 'cli', '-l', `half in (0,1),wanted!=${selector}`);
      expect(left).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('holdfast backup describe remote') });
      expect((await client('backup', 'create', 'timed', '-n', 'cli', '--wait', '--timeout', '2s')).code).toBe(6);
      const worker = place.start(['worker', 'run'], env);
      await worker.printed(/serving /);
      expect(await client('backup', 'describe', 'remote', '--wait')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Completed'),
      });
      expect(await client('backup', 'create', 'waited', '-n', 'cli', '--wait')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Completed'),
      });
      expect((await worker.kill('SIGTERM')).code).toBe(0);
      expect(await canariesInFolder(temporal.folder, [selector, ...place.canaries])).toEqual([]);
      // The canary can be found where it is not encrypted: in the request as it is printed.
      const printed = await place.run(['backup', 'create', 'x', '-l', `a=${selector}`, '-o', 'yaml']);
      expect(findCanaries('request', Buffer.from(printed.stdout), [selector])).toHaveLength(1);
      const captured = { waited: { snapshot: expected } };
      expect(await checkInvariants({ place, location: 'main', captured })).toEqual([]);
    } finally {
      await temporal.stop();
    }
  });
});
