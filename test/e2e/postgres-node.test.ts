import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { loadImage } from '../../sandbox/node/image-archive.ts';
import { postgresImage } from '../../sandbox/node/postgres-image.ts';
import { NodePlace } from '../support/node-place.ts';
import { loseNamespace, volumeAndClaim } from '../support/node-volumes.ts';
import { namespace } from '../support/objects.ts';
import { CHECK_ROWS, startPodWriter, type PodWriter } from '../support/pod-writer.ts';
import type { PlainObject } from '../support/raw-api.ts';

const DATABASE = 'app=db';
const FOLDER = '/var/lib/postgresql/data';
const SHOP = 'psql -U app -d shop -At';

describe('PostgreSQL on a real node, written to while it is backed up', () => {
  let place: NodePlace;

  beforeAll(async () => {
    place = await NodePlace.open({ withStorageDriver: true });
    await loadImage(place.node.place, postgresImage());
  }, 300_000);

  afterAll(() => place.close(), 120_000);

  /** A pod template with a server whose data is in a claim. */
  function template(claim: string, annotations: Readonly<Record<string, string>>): PlainObject {
    const volumeMounts = [{ name: 'data', mountPath: FOLDER }];
    return {
      metadata: { labels: { app: 'db' }, annotations },
      spec: {
        terminationGracePeriodSeconds: 5,
        automountServiceAccountToken: false,
        // The folder of the volume belongs to root, and the server does not run as root.
        initContainers: [
          { name: 'give', image: 'holdfast/busybox:1', imagePullPolicy: 'Never', command: ['chown', '999:999', FOLDER], volumeMounts },
        ],
        containers: [
          {
            name: 'server',
            image: 'holdfast/postgres:15',
            imagePullPolicy: 'Never',
            env: [
              { name: 'POSTGRES_USER', value: 'app' },
              { name: 'POSTGRES_DB', value: 'shop' },
            ],
            volumeMounts,
          },
        ],
        volumes: claim === '' ? [] : [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
      },
    };
  }

  function workload(kind: 'StatefulSet' | 'Deployment', where: string, more: PlainObject): PlainObject {
    return {
      apiVersion: 'apps/v1',
      kind,
      metadata: { namespace: where, name: 'db' },
      spec: { replicas: 1, selector: { matchLabels: { app: 'db' } }, ...more },
    };
  }

  async function create(where: string, objects: readonly PlainObject[]): Promise<PodWriter> {
    for (const object of [namespace(where), ...objects]) await place.place.api.create(object);
    await place.holds(where, DATABASE, `${SHOP} -c 'SELECT 1'`);
    const [pod] = await place.list(where, 'pods', DATABASE);
    const { name } = pod?.['metadata'] as { readonly name: string };
    return startPodWriter(place.cluster, { namespace: where, pod: name });
  }

  async function describeBackup(name: string): Promise<BackupManifest> {
    const described = await place.hold(`backup describe ${name} -o json`);
    SCHEMAS['backup-describe'].parse(JSON.parse(described.stdout));
    return JSON.parse(described.stdout) as BackupManifest;
  }

  function acknowledgedBefore(step: string, { steps }: BackupManifest, writer: PodWriter): number {
    return writer.acknowledgedAt(Date.parse(steps.find((one) => one.step === step)?.startedAt ?? ''));
  }

  /** The highest number. Every row below it is there, whole, and nothing in any table or index is wrong. */
  async function checkWhole(where: string): Promise<number> {
    const checked = await place.sh(where, DATABASE, `${SHOP} -F, -c "${CHECK_ROWS}"`);
    const [count = 0, highest = -1, torn = -1, numbers = -1] = checked.trim().split(',').map(Number);
    expect([count, torn, numbers]).toEqual([highest, 0, highest]);
    await place.sh(where, DATABASE, 'pg_amcheck -U app --all --install-missing --heapallindexed --parent-check --maintenance-db=shop');
    return highest;
  }

  it('by its files: loses no row that was acknowledged before the backup mode ended', async () => {
    const where = 'pg-files';
    const claim = 'data-db-0';
    const storage = volumeAndClaim(where, claim);
    const data = { metadata: { name: 'data' }, spec: storage.claim['spec'] as PlainObject };
    const set = workload('StatefulSet', where, { serviceName: 'db', template: template('', {}), volumeClaimTemplates: [data] });
    const writer = await create(where, [storage.volume, storage.claim, set]);
    const made = await place.hold(`backup create files -n ${where}`);
    expect(made).toMatchObject({ code: 0, stdout: expect.not.stringContaining('Warnings') });
    await writer.stop();
    const manifest = await describeBackup('files');
    const acknowledged = acknowledgedBefore('release', manifest, writer);
    expect(acknowledged).toBeGreaterThan(acknowledgedBefore('quiesce', manifest, writer));
    expect(manifest.volumes).toMatchObject([{ claim, method: 'file-system', consistency: 'application', quiescedBy: 'postgres' }]);
    expect(manifest.volumes?.[0]?.putBack?.map(({ path }) => path)).toEqual([
      'pgdata/postmaster.pid',
      'pgdata/backup_label',
      'pgdata/pg_wal',
    ]);

    await loseNamespace(place, where, [claim]);
    const restored = await place.hold('restore create files --from-backup files --checksum');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/volume pg-files\/data-db-0: .* restored and compared/) });
    await place.holds(where, DATABASE, `${SHOP} -c 'SELECT 1'`);
    const highest = await checkWhole(where);
    expect(highest).toBeGreaterThanOrEqual(acknowledged);
    expect(await place.list(where, 'pods', 'app.kubernetes.io/managed-by=holdfast')).toEqual([]);
    process.stderr.write(`postgres on a node, by files: ${acknowledged} rows acknowledged before the end, ${highest} restored\n`);
    await loseNamespace(place, where, [claim]);
  }, 420_000);

  it('by a snapshot: starts as after a power failure, with every row that was acknowledged before it', async () => {
    const where = 'pg-snapshot';
    const request = { accessModes: ['ReadWriteOnce'], storageClassName: 'holdfast-csi', resources: { requests: { storage: '1Gi' } } };
    const data = { metadata: { name: 'data' }, spec: request };
    const set = workload('StatefulSet', where, { serviceName: 'db', template: template('', {}), volumeClaimTemplates: [data] });
    const writer = await create(where, [set]);
    expect(await place.hold(`backup create snapshot -n ${where}`)).toMatchObject({ code: 0 });
    await writer.stop();
    const manifest = await describeBackup('snapshot');
    const acknowledged = acknowledgedBefore('snapshot volumes', manifest, writer);
    expect(acknowledged).toBeGreaterThan(0);
    expect(manifest.volumes).toMatchObject([{ claim: 'data-db-0', method: 'data-move', consistency: 'crash', quiescedBy: 'postgres' }]);
    expect(manifest.volumes?.[0]).not.toHaveProperty('putBack');

    await place.place.api.removeNamespaces(where);
    expect(await place.hold('restore create snapshot --from-backup snapshot --checksum')).toMatchObject({ code: 0 });
    await place.holds(where, DATABASE, `${SHOP} -c 'SELECT 1'`);
    const highest = await checkWhole(where);
    expect(highest).toBeGreaterThanOrEqual(acknowledged);
    process.stderr.write(`postgres on a node, by a snapshot: ${acknowledged} rows acknowledged before it, ${highest} restored\n`);
    await place.place.api.removeNamespaces(where);
  }, 420_000);

  it('by a dump: comes back in a server that was made anew, and is left alone by the next restore', async () => {
    const where = 'pg-dump';
    const pod = template('data', { 'holdfast.dev/postgres-mode': 'dump' });
    const storage = volumeAndClaim(where, 'data');
    const database = workload('Deployment', where, { template: pod, strategy: { type: 'Recreate' } });
    const writer = await create(where, [storage.volume, storage.claim, database]);
    expect(await place.hold(`backup create dump -n ${where}`)).toMatchObject({ code: 0 });
    await writer.stop();
    const manifest = await describeBackup('dump');
    const acknowledged = acknowledgedBefore('quiesce', manifest, writer);
    expect(manifest.volumes).toMatchObject([{ claim: 'data', method: 'skip', consistency: 'application', quiescedBy: 'postgres' }]);
    expect(manifest.applications).toMatchObject([
      { task: { plugin: 'postgres', workload: { kind: 'Deployment', name: 'db' }, replaces: ['data'] }, consistency: 'application' },
    ]);
    const shown = await place.hold('backup describe dump');
    expect(shown.stdout).toMatch(/pg-dump\/data +skip +kept by postgres/);

    await loseNamespace(place, where, ['data']);
    const restored = await place.hold('restore create dump --from-backup dump');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/application pg-dump\/db-.*: recovered by postgres/) });
    expect(await checkWhole(where)).toBeGreaterThanOrEqual(acknowledged);

    await place.sh(where, DATABASE, `${SHOP} -c 'UPDATE rows SET seen = -1 WHERE n = 1'`);
    const again = await place.hold('restore create again --from-backup dump');
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/application pg-dump\/db-.*: left: there is something in database/),
    });
    expect(await place.sh(where, DATABASE, `${SHOP} -c 'SELECT seen FROM rows WHERE n = 1'`)).toBe('-1\n');
    await loseNamespace(place, where, ['data']);
  }, 420_000);
});
