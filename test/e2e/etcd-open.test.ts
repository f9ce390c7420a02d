import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { definition } from '../support/definitions.ts';
import { configMap, deployment, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { RawApi, until, type PlainObject } from '../support/raw-api.ts';
import { startTestTemporal } from '../support/sandbox-env.ts';
import { etcdAccess, etcdctl } from '../support/sandbox-snapshot.ts';

const WIDGETS = definition({ group: 'example.com', kind: 'Widget', plural: 'widgets' });
const SETTINGS = configMap('other', 'settings', { text: 'before' });
const secret = (name: string, word: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'shop' },
  stringData: { word },
});

describe('the etcd snapshot of a backup', () => {
  let place: TestPlace;
  let shop: Snapshot;
  let uid: string;

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);
  /** Backs up the etcd of that sandbox. */
  const backUpEtcd = async (name: string, folder: string) => {
    const { endpoint, caFile, certFile, keyFile } = await etcdAccess(folder);
    const made = await hold(`etcd backup ${name}`, '--endpoints', endpoint, '--cacert', caFile, '--cert', certFile, '--key', keyFile);
    expect(made).toMatchObject({ code: 0 });
  };
  const loseShop = async (): Promise<void> => {
    await place.api.removeNamespaces('shop');
    await place.api.remove(WIDGETS);
    place.api.forgetKinds();
  };
  const described = async (name: string): Promise<PlainObject> =>
    JSON.parse((await hold(`backup describe ${name} -o json`)).stdout) as PlainObject;
  const textOf = async (): Promise<unknown> => (await place.api.read(SETTINGS))?.['data'];

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    const { api } = place;
    for (const name of ['shop', 'other']) await api.create(namespace(name));
    await api.create(SETTINGS);
    await api.create(configMap('shop', 'plain', { text: 'as it was' }));
    await api.create(secret('password', 'as it was'));
    await api.create(deployment('shop', 'web', 0));
    await api.create(WIDGETS);
    await api.create({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one', namespace: 'shop' }, spec: { size: 3 } });
    shop = await takeSnapshot(api, ['shop']);
    uid = ((await api.json('GET', '/api/v1/namespaces/kube-system'))['metadata'] as PlainObject)['uid'] as string;
    // A kind that Kubernetes has removed, as an older one left it behind.
    await etcdctl(place.cluster.folder, 'put', '/registry/podsecuritypolicy/restricted', '{}');
    await backUpEtcd('nightly', place.cluster.folder);
    await api.mergePatch(SETTINGS, { data: { text: 'after' } });
  }, 300_000);

  afterAll(() => place.close(), 60_000);

  it('is what a namespace comes back from, and nothing else is touched', async () => {
    await loseShop();
    const restored = await hold('restore create back --from-etcd nightly --include-namespaces shop');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('verification: equal') });
    expect(await takeSnapshot(place.api, ['shop'])).toEqual(shop);
    expect(await textOf()).toEqual({ text: 'after' });
    expect(await described('nightly-etcd')).toMatchObject({
      cluster: { uid, name: 'holdfast-etcd-nightly' },
      labels: { 'holdfast.dev/from-etcd': 'nightly' },
    });
    // What was open for it is gone.
    expect((await hold('sandbox status -o name')).stdout.trim()).toBe('');
  }, 300_000);

  it('is a recovery point from then on, which is not made again', async () => {
    const planned = await hold('restore plan --from-etcd nightly -n other --existing update');
    expect(planned).toMatchObject({ code: 0, stderr: expect.stringContaining('is backup "nightly-etcd" already') });
    expect(planned.stdout).toMatch(/update .*settings/i);
    expect(await textOf()).toEqual({ text: 'after' });
    const shown = await hold('restore create --from-etcd unheard-of -o json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ backup: 'unheard-of-etcd' });
  }, 120_000);

  it('can be read with kubectl, and is gone after sandbox down', async () => {
    const opened = await hold('etcd open nightly -o json');
    expect(opened).toMatchObject({ code: 0 });
    const answer = SCHEMAS['etcd-open'].parse(JSON.parse(opened.stdout));
    expect(answer).toMatchObject({
      sandbox: 'etcd-nightly',
      unreadable: [],
      warnings: [
        'stored, and served by no API server of this version: podsecuritypolicy; after an upgrade the cluster would not show them either',
      ],
    });
    const api = await RawApi.open(answer.kubeconfig);
    expect((await api.read(SETTINGS))?.['data']).toEqual({ text: 'before' });
    api.close();
    const again = await hold('etcd open nightly');
    expect(again.stdout).toContain(`kubectl --kubeconfig ${answer.kubeconfig}`);
    expect(again.stdout).toContain('holdfast sandbox down --name etcd-nightly');
    expect((await hold('sandbox status')).stdout).toMatch(/etcd-nightly +etcd:\d+ kube-apiserver:\d+ /);
    expect((await hold('sandbox down --name etcd-nightly')).stdout).toContain('its data removed');
    expect((await hold('sandbox status -o name')).stdout.trim()).toBe('');
  }, 180_000);

  it('goes on when the restore was killed while it was read', async () => {
    await backUpEtcd('killed', place.cluster.folder);
    await loseShop();
    const first = place.start(['restore', 'create', 'again', '--from-etcd', 'killed', '-n', 'shop']);
    await first.printed(/backup "killed-etcd" .* started/, 120_000);
    await first.kill('SIGKILL');
    expect((await hold('backup get -o name')).stdout).not.toContain('killed-etcd\n');
    const second = await hold('restore create again --from-etcd killed -n shop');
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('verification: equal') });
    const { kinds } = (await described('killed-etcd')) as unknown as {
      readonly kinds: readonly { readonly type: { readonly resource: string } }[];
    };
    expect(kinds.map(({ type }) => type.resource)).toContain('widgets');
    await until('widgets are offered', async () => {
      place.api.forgetKinds();
      return (await place.api.kinds()).some(({ plural }) => plural === 'widgets');
    });
    expect(await takeSnapshot(place.api, ['shop'])).toEqual(shop);
  }, 300_000);

  it('with encrypted Secrets is restored with their keys, and refused without', async () => {
    const file = join(place.folder, 'encryption.json');
    const keys = [{ name: 'key1', secret: randomBytes(32).toString('base64') }];
    const resources = [{ resources: ['secrets'], providers: [{ secretbox: { keys } }, { identity: {} }] }];
    await writeFile(file, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }));
    // An API server that has the configuration encrypts what it writes.
    const writer = JSON.parse((await hold('etcd open nightly --name writer -o json --encryption-config', file)).stdout) as {
      readonly kubeconfig: string;
    };
    const api = await RawApi.open(writer.kubeconfig);
    await api.create(secret('sealed', 'behind the key'));
    api.close();
    await backUpEtcd('sealed', join(writer.kubeconfig, '..'));
    await hold('sandbox down --name writer');

    const refused = await hold('restore create --from-etcd sealed -n shop');
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be read: secrets (secretbox, key "key1"); give --encryption-config'),
    });
    const restored = await hold('restore create sealed --from-etcd sealed --object shop/secret/sealed --encryption-config', file);
    expect(restored).toMatchObject({ code: 0 });
    const found = await place.api.read(secret('sealed', ''));
    expect(found?.['data']).toEqual({ word: Buffer.from('behind the key').toString('base64') });
  }, 300_000);

  it('is read by this process where a Temporal server has workers for the cluster itself only', async () => {
    const temporal = await startTestTemporal();
    try {
      const env = { TEMPORAL_ADDRESS: temporal.address };
      const worker = place.start(['worker', 'run'], env);
      await worker.printed(/serving /);
      await backUpEtcd('served', place.cluster.folder);
      await loseShop();
      const restored = await place.run(['restore', 'create', 'served', '--from-etcd', 'served', '-n', 'shop', '--wait'], env);
      expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('verification: equal') });
      await worker.kill('SIGTERM');
    } finally {
      await temporal.stop();
    }
  }, 300_000);

  it.each([
    ['etcd open unheard-of', 3, 'there is no backup named unheard-of'],
    ['etcd open nightly-etcd', 3, 'backup "nightly-etcd" has no snapshot of etcd'],
    ['restore plan --from-etcd nightly --from-backup nightly', 2, 'say what to restore: one of'],
    ['restore plan --from-backup nightly-etcd --encryption-config x', 2, '--encryption-config is for --from-etcd only'],
    ['etcd restore nightly --data-dir /nowhere --control-plane-files /nowhere', 3, 'backup "nightly" has no files of the control plane'],
    ['etcd open nightly --encryption-config /nowhere', 2, '/nowhere: cannot be read: ENOENT'],
  ])('%s is refused in one line', async (line, code, words) => {
    const refused = await hold(line);
    expect(refused).toMatchObject({ code, stderr: expect.stringContaining(words) });
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
  });
});
