import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { generateIdentity } from '../../repository/age-files.ts';
import { ChildCommand, type CommandResult } from '../support/child-command.ts';

const PASSPHRASE = 'canary horse battery staple';

describe('the keys of a location', () => {
  let folder: string;
  const outputs: CommandResult[] = [];
  const argv: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
    await writeFile(join(folder, 'words'), `${PASSPHRASE}\n`);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function holdfast(...args: string[]): Promise<CommandResult> {
    argv.push(...args);
    const env = {
      ...process.env,
      HOLDFAST_CONFIG: join(folder, 'config.yaml'),
      HOLDFAST_STATE_DIR: join(folder, 'state'),
      WORDS: PASSPHRASE,
    };
    const result = await new ChildCommand(args, env).ended;
    outputs.push(result);
    return result;
  }

  async function keys(...more: string[]) {
    const { stdout, code } = await holdfast('keys', 'ls', '-o', 'json', ...more);
    expect(code).toBe(0);
    return SCHEMAS['keys-ls'].parse(JSON.parse(stdout));
  }

  it('are added, listed, rotated and revoked, and no secret is printed or written anywhere but to its file', async () => {
    const other = await generateIdentity();
    await writeFile(join(folder, 'other.key'), other.identity);
    const url = `file://${join(folder, 'location')}`;
    await holdfast('location', 'add', 'main', url, '--key-file', join(folder, 'main.key'));
    await holdfast('location', 'add', 'bob', url, '--key-file', join(folder, 'other.key'));
    await holdfast('location', 'add', 'safe', url, '--passphrase-command', `cat '${join(folder, 'words')}'`);
    expect((await holdfast('repository', 'init')).code).toBe(2);
    expect((await holdfast('repository', 'init', '--recovery-key-kept')).code).toBe(0);

    const wrong = await holdfast('keys', 'ls', '--location', 'bob');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^holdfast: [^\n]*the given key does not open this repository[^\n]*\n$/);

    expect((await holdfast('keys', 'add', '--recipient', other.recipient, '--label', 'bob')).code).toBe(0);
    expect((await holdfast('keys', 'add', '--passphrase-env', 'WORDS', '--label', 'safe')).code).toBe(0);
    const before = await keys('--location', 'bob');
    expect(before.keys.map(({ label, type, opens }) => [label, type, opens])).toEqual([
      ['at init', 'recipient', false],
      ['bob', 'recipient', true],
      ['safe', 'passphrase', false],
    ]);
    const bob = before.keys.find(({ label }) => label === 'bob')?.id ?? '';
    const revoked = await holdfast('keys', 'revoke', bob);
    expect(revoked.code).toBe(0);
    expect(revoked.stderr).toMatch(/can still read what he copied before.*keys rotate/);
    expect((await holdfast('keys', 'rotate')).code).toBe(2);
    const rotated = await holdfast('keys', 'rotate', '--passphrase-file', join(folder, 'words'));
    expect(rotated.stdout).toMatch(/^data key 1 in use since manifest 1\n$/);
    const after = await keys('--location', 'safe');
    expect(after).toMatchObject({
      dataKey: 1,
      keys: [
        { label: 'at init', current: true },
        { label: 'safe', current: true, opens: true },
      ],
    });
    expect((await holdfast('keys', 'ls', '--location', 'bob')).code).toBe(2);

    const main = /AGE-SECRET-KEY-\w+/.exec(await readFile(join(folder, 'main.key'), 'utf8'))?.[0] ?? 'none';
    const secrets = [main, other.identity, PASSPHRASE];
    const seen = [...argv, ...outputs.flatMap(({ stdout, stderr }) => [stdout, stderr])].join('\n');
    for (const secret of secrets) expect(seen).not.toContain(secret);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || /^(main\.key|other\.key|words)$/.test(entry.name)) continue;
      const text = await readFile(join(entry.parentPath, entry.name), 'latin1');
      for (const secret of secrets) expect(text.includes(secret) ? join(entry.parentPath, entry.name) : '').toBe('');
    }
  }, 120_000);
});
