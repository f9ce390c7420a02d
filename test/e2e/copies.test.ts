import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';

const NAMESPACE = 'copied';

describe('a location with copies', () => {
  let place: TestPlace;
  let expected: Snapshot;

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    await place.addCopyPlace('near', 'main');
    await place.addCopyPlace('far', 'main');
    await place.api.create(namespace(NAMESPACE));
    for (let index = 0; index < 10; index++) await place.api.create(configMap(NAMESPACE, `c-${index}`, { text: String(index) }));
    expected = await takeSnapshot(place.api, [NAMESPACE]);
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  const hold = (line: string, ...rest: readonly string[]) => place.run([...line.split(' '), ...rest]);
  const locationOf = (name: string) => join(place.folder, 'locations', name);

  it('copies each backup when it is made, and a copy restores when the original is gone', async () => {
    const add = ['location', 'add', 'main', `file://${locationOf('main')}`, '--key-file', join(place.folder, 'main.key')];
    expect(await place.run([...add, '--copy-to', 'near,far'])).toMatchObject({ code: 0 });
    const made = await hold('backup create first -n copied');
    expect(made).toMatchObject({ code: 0 });
    for (const location of ['near', 'far']) expect((await hold('backup get -o name --location', location)).stdout).toBe('backup/first\n');

    await rm(locationOf('main'), { recursive: true });
    await place.api.removeNamespaces(NAMESPACE);
    expect((await hold('restore create back --from-backup first --location far')).stdout).toContain('verification: equal');
    expect(await takeSnapshot(place.api, [NAMESPACE])).toEqual(expected);
  });

  it('keeps the backup when a copy fails, says which, and ends partly failed', async () => {
    await place.addLocation('other');
    await place.addLocation('stranger');
    const add = ['location', 'add', 'other', `file://${locationOf('other')}`, '--key-file', join(place.folder, 'other.key')];
    expect(await place.run([...add, '--copy-to', 'stranger'])).toMatchObject({ code: 0 });
    const made = await hold('backup create second -n copied --location other');
    expect(made).toMatchObject({ code: 4 });
    expect(`${made.stdout}${made.stderr}`).toMatch(/no copy in "stranger": .* another repository is there/);
    expect((await hold('backup get -o name --location other')).stdout).toBe('backup/second\n');
    expect((await hold('backup get -o name --location stranger')).stdout.trim()).toBe('');
  });
});
