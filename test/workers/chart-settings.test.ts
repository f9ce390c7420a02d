import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChartRepositorySettings, readRepositorySettings } from '../../workers/chart-settings.ts';

describe('the settings of a chart repository', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-test-charts-'));
    await writeFile(join(folder, 'secret'), 'canary\n');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const secret = () => ({ file: join(folder, 'secret') });
  const base = { name: 'museum', url: 'https://charts.example.com/team' };

  it('have their secrets read when they are used', async () => {
    const settings = { ...base, username: 'ann', password: secret(), caFile: join(folder, 'secret'), force: true };
    expect(await readRepositorySettings(ChartRepositorySettings.parse(settings))).toEqual({
      ...base,
      username: 'ann',
      password: 'canary',
      ca: 'canary\n',
      force: true,
    });
    expect(await readRepositorySettings({ ...base, token: secret() })).toEqual({ ...base, token: 'canary' });
  });

  it.each([
    ['an address of something else', { url: 'ftp://x' }, /none of http:\/\/, https:\/\/ and oci:\/\//],
    ['credentials in the address', { url: 'oci://ann:canary@x/y' }, /has credentials in it/],
    ['two ways to log in', { token: { env: 'A' }, username: 'ann' }, /both a token and a username/],
    ['a password in plain text', { password: 'canary' }, /Invalid input/],
    ['a setting that there is not', { pasword: 1 }, /pasword/],
  ])('are refused with %s', (_what, changes, message) => {
    const { error } = ChartRepositorySettings.safeParse({ ...base, ...changes });
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('canary');
  });

  it('name the file that cannot be read', async () => {
    await expect(readRepositorySettings({ ...base, caFile: join(folder, 'none') })).rejects.toMatchObject({
      message: `chart repository "museum": ${join(folder, 'none')} cannot be read (ENOENT)`,
    });
    await expect(readRepositorySettings({ ...base, password: { env: 'HOLDFAST_TEST_NOT_SET' } })).rejects.toMatchObject({
      message: 'chart repository "museum": environment variable HOLDFAST_TEST_NOT_SET is not set',
    });
  });
});
