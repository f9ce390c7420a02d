import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { loadImage } from '../../sandbox/node/image-archive.ts';
import { mariadbImage } from '../../sandbox/node/mariadb-image.ts';
import { NodePlace } from '../support/node-place.ts';
import { loseNamespace, volumeAndClaim } from '../support/node-volumes.ts';
import { namespace as namespaceObject } from '../support/objects.ts';
import type { PlainObject } from '../support/raw-api.ts';

const NAMESPACE = 'mariadb';
const PASSWORD = randomBytes(12).toString('hex');
const ROWS = 20_000;

describe('MariaDB on a real node', () => {
  let trial: NodePlace;

  beforeAll(async () => {
    trial = await NodePlace.open();
    await loadImage(trial.node.place, mariadbImage());
    await trial.place.api.create(namespaceObject(NAMESPACE));
    for (const object of objects()) await trial.place.api.create(object);
    await trial.holds(NAMESPACE, 'app=db', READY);
  }, 300_000);

  afterAll(async () => {
    await trial.close();
  }, 120_000);

  const sql = (script: string) =>
    trial.sh(NAMESPACE, 'app=db', `MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb --no-defaults -u root -N -e "${script}"`);

  async function succeed(line: string): Promise<string> {
    const { code, stdout, stderr } = await trial.hold(line);
    if (code !== 0) throw new Error(`${line}: ${code} ${stdout} ${stderr}`);
    return stdout;
  }

  it('comes back from a dump with every row and its accounts, although it is set up anew meanwhile', async () => {
    await sql(`CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, note CHAR(32)) ENGINE=InnoDB;
      INSERT INTO shop.orders SELECT seq, MD5(seq) FROM shop.seq_1_to_${ROWS}; CREATE USER app IDENTIFIED BY 'of the app'; GRANT SELECT ON shop.* TO app`);
    const sum = 'SELECT COUNT(*), SUM(CRC32(CONCAT(id, note))) FROM shop.orders; SHOW GRANTS FOR app';
    const before = await sql(sum);
    expect(before).toContain(`${ROWS}\t`);

    await succeed(`backup create first -n ${NAMESPACE}`);
    const described = SCHEMAS['backup-describe'].parse(JSON.parse(await succeed('backup describe first -o json')));
    expect(described.volumes).toMatchObject([{ claim: 'data', method: 'skip' }]);
    await loseNamespace(trial, NAMESPACE, ['data']);
    await succeed('restore create back --from-backup first');
    expect(await sql(sum)).toBe(before);
    await expect(sql("SHOW DATABASES LIKE 'holdfast%'")).resolves.toBe('');
  }, 300_000);
});

/** Of the server after its setting up. */
const READY = 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb --no-defaults -u root -N -e "SELECT @@skip_networking" | grep -qx 0';

function objects(): readonly PlainObject[] {
  const volumeMounts = [{ name: 'data', mountPath: '/var/lib/mysql' }];
  return [
    ...Object.values(volumeAndClaim(NAMESPACE, 'data')),
    { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: NAMESPACE, name: 'root' }, stringData: { password: PASSWORD } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace: NAMESPACE, name: 'db' },
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: { app: 'db' } },
        template: {
          metadata: { labels: { app: 'db' } },
          spec: {
            terminationGracePeriodSeconds: 0,
            automountServiceAccountToken: false,
            initContainers: [{ name: 'own', image: 'holdfast/busybox:1', command: ['chown', '999:999', '/var/lib/mysql'], volumeMounts }],
            containers: [
              {
                name: 'server',
                image: mariadbImage().name,
                env: [{ name: 'MARIADB_ROOT_PASSWORD', valueFrom: { secretKeyRef: { name: 'root', key: 'password' } } }],
                volumeMounts,
              },
            ],
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
          },
        },
      },
    },
  ];
}
