import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateIdentity } from '../../repository/age-files.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';

describe('a worker whose key does not open the repository', () => {
  let place: TestPlace;

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    await place.api.create(namespace('locked'));
    await place.api.create(configMap('locked', 'c', { text: 'x' }));
    await writeFile(join(place.folder, 'main.key'), `${(await generateIdentity()).identity}\n`);
    await place.startWorker();
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  it('ends a backup and a restore at once, with one failure that says so, and tries nothing again', async () => {
    const runs = [
      await place.startBackup('b', { namespaces: ['locked'] }),
      await place.startRestore('r', { backup: 'b', selection: { includedNamespaces: ['locked'] } }),
    ];
    for (const run of runs) {
      const { failure, elapsedMs } = await run.outcome();
      expect(failure).toMatchObject({
        type: 'WrongKey',
        message: expect.stringMatching(/^[^\n]*the given key does not open this repository[^\n]*$/),
      });
      expect(elapsedMs).toBeLessThan(20_000);
      const { events = [] } = await run.handle.fetchHistory();
      expect((events ?? []).filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(1);
      expect(
        (events ?? [])
          .filter((event) => event.activityTaskStartedEventAttributes)
          .map((event) => event.activityTaskStartedEventAttributes?.attempt),
      ).toEqual([1]);
    }
  });

  it('is one line on the command line, and exit code 2', async () => {
    for (const command of ['backup create c -n locked', 'backup get', 'restore create --from-backup b', 'repository stats', 'keys ls']) {
      const { code, stdout, stderr } = await place.run(command.split(' '));
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(/^holdfast: .*the given key does not open this repository/);
    }
  });
});
