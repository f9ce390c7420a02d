import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { saveLocation } from '../../workers/configuration.ts';
import { initRepository } from '../../repository/init.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import { sampleManifest } from '../repository/samples.ts';
import { ChildCommand } from '../support/child-command.ts';

let folder: string;
let repository: Repository;

const prune = (...options: string[]) =>
  new ChildCommand(['backup', 'prune', ...options], {
    PATH: process.env['PATH'],
    HOLDFAST_CONFIG: join(folder, 'config.yaml'),
    HOLDFAST_STATE_DIR: folder,
    NO_COLOR: '1',
  }).ended;
const names = async () => (await repository.backups()).map(({ manifest }) => manifest.name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-prune-'));
  await mkdir(join(folder, 'location'));
  const location = { name: 'main', url: `file://${join(folder, 'location')}`, key: { file: join(folder, 'main.key') } };
  const store = new FilesystemStore(join(folder, 'location'));
  const { recoveryKey = '' } = await initRepository(store);
  await writeFile(location.key.file, `${recoveryKey}\n`, { mode: 0o600 });
  await saveLocation(location, join(folder, 'config.yaml'));
  repository = await openRepository(store, { identities: [recoveryKey] });
  for (const [index, schedule] of ['nightly', 'nightly', 'nightly', 'hourly', 'hourly'].entries()) {
    const completedAt = `2026-01-0${String(index + 1)}T01:00:00.000Z`;
    await repository.commit(sampleManifest(`b${String(index + 1)}`, [], { completedAt, schedule }));
  }
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('backup prune', () => {
  it.each([
    [[], 'which backups'],
    [['--keep-last', '1'], 'which backups'],
    [['--all', '--schedule', 'nightly'], '--all goes with no other'],
    [['--schedule', ''], 'which backups'],
    [['--all', '--keep-last', '0'], '--keep-last'],
    [['--all', '--keep-daily', 'many'], '--keep-daily'],
    [['--all', '--keep-within', '30 days'], '--keep-within'],
    [['--all', '--keep-daily', '1', '--keep-timezone', 'PST'], 'time zone "PST"'],
    [['-l', 'a in', '--keep-last', '1'], 'label selector'],
  ])(
    '%j is refused with exit code 2',
    async (options, says) => {
      const { code, stderr, stdout } = await prune(...options);
      expect({ code, stdout, says: stderr.includes(says) ? says : stderr }).toEqual({ code: 2, stdout: '', says });
    },
    60_000,
  );

  it('--dry-run shows what would go and why, and removes nothing', async () => {
    const { code, stdout, stderr } = await prune('--schedule', 'nightly', '--keep-last', '2', '--dry-run');
    expect(stdout).toBe(
      [
        'NAME  COMPLETED             ACTION  WHY',
        'b3    2026-01-03T01:00:00Z  keep    last good backup of schedule nightly, last 1 of 2',
        'b2    2026-01-02T01:00:00Z  keep    last 2 of 2',
        'b1    2026-01-01T01:00:00Z  remove  no rule keeps it',
        '',
      ].join('\n'),
    );
    expect({ code, told: stderr.includes('dry run: 1 of 3 backups would be removed') }).toEqual({ code: 0, told: true });
    expect(await names()).toHaveLength(5);
  }, 60_000);

  it('removes, as its published answer says', async () => {
    const { code, stdout } = await prune('--all', '--keep-last', '1', '-o', 'json');
    const answer = SCHEMAS['backup-prune'].parse(JSON.parse(stdout));
    expect({ code, removed: answer.removed, policy: answer.policy }).toEqual({
      code: 0,
      removed: ['b4', 'b2', 'b1'],
      policy: { keepLast: 1 },
    });
    expect(await names()).toEqual(['b3', 'b5']);
    expect((await prune('--all', '--keep-last', '1', '-o', 'name')).stdout.trim()).toBe('');
  }, 60_000);

  it('of nothing says so', async () => {
    const { code, stderr } = await prune('--schedule', 'none', '--keep-last', '1');
    expect({ code, told: stderr.includes('no backup in location main is selected') }).toEqual({ code: 0, told: true });
  }, 60_000);
});
