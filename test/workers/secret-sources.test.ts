import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { credentialsOf } from '../../workers/location-keys.ts';
import { runSecretCommand } from '../../workers/secret-command.ts';
import { commandWords, readSecret, sourceText } from '../../workers/secret-sources.ts';

const SECRET = 'AGE-SECRET-KEY-1CANARY';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secret-'));
  await writeFile(join(folder, 'secret'), `# public key\n${SECRET}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

const node = (script: string) => [process.execPath, '-e', script];
const at = { name: 'main', url: 'file:///x' };

describe('a command that prints a secret', () => {
  it('is run without a shell, and its output is taken as it is', async () => {
    expect(
      await readSecret({ command: node('process.stdout.write(process.argv.slice(1).join("|"))').concat('$HOME;ls', '*') }, 'key'),
    ).toBe('$HOME;ls|*');
  });

  it.each([
    ['ends badly', node(`console.log('${SECRET}'); console.error('${SECRET}'); process.exit(7)`), 'BadInput', 'exit code 7'],
    ['is killed', node(`console.log('${SECRET}'); process.kill(process.pid, 'SIGKILL')`), 'BadInput', 'SIGKILL'],
    ['prints nothing', node(`console.error('${SECRET}')`), 'BadInput', 'printed nothing'],
    [
      'prints too much',
      node(`process.stdout.write('${SECRET}'.repeat(10000)); setTimeout(() => {}, 60000)`),
      'BadInput',
      'more than a secret',
    ],
    ['is not there', ['/nowhere/kms', SECRET], 'BadInput', 'ENOENT'],
    ['has an impossible argument', ['kms', `${SECRET}\0`], 'BadInput', 'cannot be started'],
  ])('that %s is one line that names it and nothing that it said', async (_what, command, type, says) => {
    const error = (await runSecretCommand(command, 'key of location main').catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ type });
    expect(error.message).toContain(says);
    expect(error.message).toContain(command[0] ?? '');
    expect(`${error.stack ?? ''}${JSON.stringify(error)}${String(error.cause)}`).not.toContain('CANARY');
    expect(error.message).not.toContain('\n');
  });

  it('that hangs is ended with everything that it has started', async () => {
    const file = join(folder, 'alive');
    const child = `setInterval(() => require('fs').appendFileSync(${JSON.stringify(file)}, 'x'), 20)`;
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' }); setInterval(() => {}, 1000)`;
    await expect(runSecretCommand(node(script), 'key', 1_500)).rejects.toMatchObject({ type: 'Unavailable' });
    await delay(200);
    const size = (await readFile(file, 'utf8')).length;
    expect(size).toBeGreaterThan(0);
    await delay(300);
    expect((await readFile(file, 'utf8')).length).toBe(size);
  });

  it('gives an identity or a passphrase', async () => {
    const printing = (text: string) => ({ ...at, key: { command: node(`process.stdout.write(${JSON.stringify(text)})`) } });
    expect(await credentialsOf(printing(`# c\n${SECRET}\n`))).toEqual({ identities: [SECRET] });
    expect(await credentialsOf(printing('four words of it\n'))).toEqual({ passphrase: 'four words of it' });
    expect(await credentialsOf({ ...at, key: { file: join(folder, 'secret') } })).toEqual({ identities: [SECRET] });
    expect(await credentialsOf(at, () => Promise.resolve('typed'))).toEqual({ passphrase: 'typed' });
    await expect(credentialsOf(at)).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('words of a command', () => {
  it('are those that were joined', () => {
    const word = fc.stringMatching(/^[^'\0]+$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(commandWords(words.map((each) => `'${each}'`).join('  '))).toEqual(words);
      }),
    );
    expect(commandWords(`vault kv get -field="the key" 'a b'c"d"`)).toEqual(['vault', 'kv', 'get', '-field=the key', 'a bcd']);
    for (const line of ['', '  ', `a 'b`, 'a "b']) expect(() => commandWords(line)).toThrow(expect.objectContaining({ type: 'BadInput' }));
  });

  it('are not shown in lists', () => {
    expect(sourceText({ command: ['vault', SECRET] })).toBe('output of vault');
  });
});
