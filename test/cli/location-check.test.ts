import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { ChildCommand, type CommandResult } from '../support/child-command.ts';

describe('holdfast location check', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-location-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function holdfast(...args: string[]): Promise<CommandResult> {
    const env = { ...process.env, HOLDFAST_CONFIG: join(folder, 'config.yaml'), HOLDFAST_STATE_DIR: join(folder, 'state'), NO_COLOR: '1' };
    return new ChildCommand(args, env).ended;
  }

  async function checked(name: string, url: string) {
    expect(await holdfast('location', 'add', name, url)).toMatchObject({ code: 0 });
    const { code, stdout } = await holdfast('location', 'check', name, '-o', 'json');
    return { code, ...SCHEMAS['location-check'].parse(JSON.parse(stdout)) };
  }

  it('takes a good folder, with a warning that no repository is in it, and leaves no object there', async () => {
    await mkdir(join(folder, 'good'));
    const { code, usable, findings, leftBehind } = await checked('good', `file://${folder}/good`);
    expect({ code, usable, leftBehind }).toEqual({ code: 0, usable: true, leftBehind: [] });
    expect(findings.filter(({ level }) => level !== 'ok')).toMatchObject([{ check: 'repository', level: 'warning' }]);
    expect(await readdir(join(folder, 'good', 'checks'))).toEqual([]);
    const { stdout } = await holdfast('location', 'check', 'good');
    expect(stdout).toMatch(/^CHECK +RESULT +DETAIL\n/);
    expect(stdout).toMatch(/^speed +OK .*\/s up, .*\/s down/m);
  }, 60_000);

  it('refuses a folder that nobody can write to, with exit code 5', async () => {
    const { code, usable, findings } = await checked('closed', 'file:///sys');
    expect({ code, usable }).toEqual({ code: 5, usable: false });
    expect(findings).toContainEqual(expect.objectContaining({ check: 'write', level: 'error' }));
  }, 60_000);

  it('refuses a folder that is missing, and does not make it', async () => {
    const { code, findings } = await checked('missing', `file://${folder}/missing`);
    expect(code).toBe(5);
    expect(findings).toMatchObject([{ check: 'reach', level: 'error', detail: expect.stringContaining('does not exist') }]);
    expect(await readdir(folder)).not.toContain('missing');
  }, 60_000);

  it('refuses a file', async () => {
    await writeFile(join(folder, 'file'), '');
    expect(await checked('file', `file://${folder}/file`)).toMatchObject({ code: 5, findings: [{ check: 'reach', level: 'error' }] });
  }, 60_000);
});
