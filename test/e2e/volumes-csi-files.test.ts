import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { namespace } from '../support/objects.ts';
import { until } from '../support/raw-api.ts';
import { StorageSite } from '../support/storage-site.ts';

const NAMESPACE = 'files';
const SCRIPT = 'test -e /data/data/wanted || echo first >/data/data/wanted; touch /tmp/ready; while :; do sleep 1; done';

describe('volumes of a driver with snapshots, file by file', () => {
  let site: StorageSite;

  beforeAll(async () => {
    site = await StorageSite.open();
    await site.place.startWorker();
    await site.place.api.create(namespace(NAMESPACE));
    await site.claim(NAMESPACE, 'data');
    await site.run({ namespace: NAMESPACE, name: 'app', claims: ['data'], script: SCRIPT });
    await site.shows(NAMESPACE, 'app', 'test -e /tmp/ready');
  }, 300_000);

  afterAll(() => site.close(), 120_000);

  async function policy(method: string): Promise<string> {
    const file = join(site.place.folder, `${method}.yaml`);
    await writeFile(file, `version: v1\nvolumePolicies: [{conditions: {}, action: {type: ${method}}}]\n`);
    return file;
  }

  it('are restored into a claim while its pod runs, and no mover is left', async () => {
    await site.done(`backup create moved -n ${NAMESPACE} --wait --volume-policy`, await policy('data-move'));
    await site.sh(NAMESPACE, 'app', 'echo ruined >/data/data/wanted; echo mine >/data/data/new');
    expect(await site.done(`volume restore moved ${NAMESPACE}/data --path wanted --to-claim data --overwrite`)).toContain(
      '1 files, 6 B restored',
    );
    expect(await site.sh(NAMESPACE, 'app', 'cat /data/data/wanted /data/data/new')).toBe('first\nmine\n');
    await until('nothing is left', async () => (await site.leftovers()).length === 0, 60_000);
  }, 240_000);

  it('are restored by the same command again when it was killed, and what the killed one left goes', async () => {
    await site.sh(NAMESPACE, 'app', 'echo ruined >/data/data/wanted');
    const words = ['volume', 'restore', 'moved', `${NAMESPACE}/data`, '--path', 'wanted', '--to-claim', 'data', '--overwrite'];
    const killed = site.place.start(words);
    await until('the mover is there', async () => (await site.pods(NAMESPACE, 'app.kubernetes.io/component=mover')).length > 0, 60_000);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await site.done(words.join(' '))).toContain('1 files, 6 B restored');
    expect(await site.sh(NAMESPACE, 'app', 'cat /data/data/wanted')).toBe('first\n');
    await until('nothing is left', async () => (await site.leftovers()).length === 0, 60_000);
  }, 240_000);

  it('that the storage system keeps for a backup go with it, once no other backup needs them', async () => {
    await site.done(`backup create kept -n ${NAMESPACE} --wait --volume-policy`, await policy('csi-snapshot'));
    const [captured] = await site.volumesOf('kept');
    if (captured?.data?.kind !== 'csi') throw new Error('no snapshot was kept');
    expect(await site.snapshots()).toEqual([captured.data.handle]);
    const refused = await site.hold(`volume browse kept ${NAMESPACE}/data`);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`is in the cluster: snapshot ${captured.data.handle}`) });
    const deleted = await site.hold('backup delete kept --confirm');
    expect(deleted).toMatchObject({ code: 0, stdout: 'backup "kept" deleted\n', stderr: expect.not.stringContaining('stays') });
    expect(await site.snapshots()).toEqual([]);
    await until('nothing is left', async () => (await site.leftovers()).length === 0, 60_000);
  }, 240_000);
});
