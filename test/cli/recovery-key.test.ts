import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { initRepositoryAt, type InitRequest } from '../../cli/keys/init-repository.ts';
import { askNewPassphrase, type Terminal } from '../../cli/keys/terminal.ts';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { loadConfiguration } from '../../workers/configuration.ts';

let folder: string;
const savedConfig = process.env['HOLDFAST_CONFIG'];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-init-'));
  process.env['HOLDFAST_CONFIG'] = join(folder, 'config.yaml');
});
afterEach(async () => {
  if (savedConfig === undefined) delete process.env['HOLDFAST_CONFIG'];
  else process.env['HOLDFAST_CONFIG'] = savedConfig;
  await rm(folder, { recursive: true });
});

/** Somebody at a terminal, who has seen what was said. */
class Person implements Terminal {
  readonly seen: string[] = [];
  readonly #answer: (seen: string) => string;

  constructor(answer: (seen: string) => string) {
    this.#answer = answer;
  }

  say(text: string): void {
    this.seen.push(text);
  }

  ask(question: string): Promise<string> {
    return Promise.resolve(this.#answer(`${this.seen.join('\n')}\n${question}`));
  }

  askHidden(question: string): Promise<string> {
    return this.ask(question);
  }

  get keys(): readonly string[] {
    return this.seen.join('\n').match(/AGE-SECRET-KEY-\w+/g) ?? [];
  }
}

const careful = () => new Person((seen) => /AGE-SECRET-KEY-\w+/.exec(seen)?.[0].slice(-6).toLowerCase() ?? '');

function request(more: Partial<InitRequest> = {}): InitRequest {
  const url = `file://${join(folder, 'location')}`;
  const location = { name: 'main', url };
  const store = new FilesystemStore(join(folder, 'location'));
  return { location, store, recipients: [], passphrase: '', recoveryKeyFile: '', kept: false, terminal: undefined, ...more };
}

const withKeyFile = () => ({ ...request().location, key: { file: join(folder, 'main.key') } });
const isMade = () => existsSync(join(folder, 'location', 'repository.json'));

describe('a new repository', () => {
  it('shows its only key once, and opens with what was shown', async () => {
    const person = careful();
    const { id, keyFiles } = await initRepositoryAt(request({ terminal: person }));
    expect(person.keys).toHaveLength(1);
    expect(keyFiles).toEqual([]);
    expect((await openRepository(request().store, { identities: [...person.keys] })).id).toBe(id);
  });

  it('is not made before somebody has proven to have the key', async () => {
    const careless = new Person(() => 'yes');
    for (const location of [request().location, withKeyFile()]) {
      await expect(initRepositoryAt(request({ terminal: careless, location }))).rejects.toMatchObject({
        type: 'BadInput',
        message: 'the recovery key was not confirmed, so nothing was made',
      });
      expect(isMade()).toBe(false);
      expect(existsSync(join(folder, 'main.key'))).toBe(false);
    }
  });

  it('writes the key to the key file of its location, for its owner only', async () => {
    const person = careful();
    const { id, keyFiles } = await initRepositoryAt(request({ terminal: person, location: withKeyFile() }));
    expect(keyFiles).toEqual([join(folder, 'main.key')]);
    expect(await readFile(join(folder, 'main.key'), 'utf8')).toContain(person.keys[0] ?? 'none');
    expect((await stat(join(folder, 'main.key'))).mode & 0o777).toBe(0o600);
    expect((await openRepository(request().store, { identities: [...person.keys] })).id).toBe(id);
  });

  it('without a terminal is made only when a script says that the key file is kept', async () => {
    await expect(initRepositoryAt(request({ location: withKeyFile() }))).rejects.toMatchObject({ type: 'BadInput' });
    await expect(initRepositoryAt(request({ kept: true }))).rejects.toMatchObject({ type: 'BadInput' });
    await expect(initRepositoryAt(request({ recoveryKeyFile: join(folder, 'r.key') }))).rejects.toMatchObject({ type: 'BadInput' });
    expect(isMade()).toBe(false);
    const { id } = await initRepositoryAt(request({ kept: true, recoveryKeyFile: join(folder, 'r.key') }));
    const identity = /AGE-SECRET-KEY-\w+/.exec(await readFile(join(folder, 'r.key'), 'utf8'))?.[0] ?? '';
    expect((await openRepository(request().store, { identities: [identity] })).id).toBe(id);
    expect((await loadConfiguration()).locations).toMatchObject([{ name: 'main', key: { file: join(folder, 'r.key') } }]);
  });

  it('gets a recovery key besides the key of its location when that is asked for', async () => {
    const made = await initRepositoryAt(request({ kept: true, location: withKeyFile(), recoveryKeyFile: join(folder, 'r.key') }));
    expect(made.keyFiles).toEqual([join(folder, 'r.key'), join(folder, 'main.key')]);
    for (const file of made.keyFiles) {
      const identity = /AGE-SECRET-KEY-\w+/.exec(await readFile(file, 'utf8'))?.[0] ?? '';
      expect((await openRepository(request().store, { identities: [identity] })).id).toBe(made.id);
    }
  });

  it('never overwrites a key file, and shows no key where a repository is already', async () => {
    const person = careful();
    await initRepositoryAt(request({ terminal: person, location: withKeyFile() }));
    const before = await readFile(join(folder, 'main.key'), 'utf8');
    const second = careful();
    await expect(initRepositoryAt(request({ terminal: second, location: withKeyFile() }))).rejects.toMatchObject({ type: 'AlreadyExists' });
    expect(second.seen).toEqual([]);
    const store = new FilesystemStore(join(folder, 'other'));
    await expect(initRepositoryAt(request({ store, kept: true, recoveryKeyFile: join(folder, 'main.key') }))).rejects.toMatchObject({
      type: 'BadInput',
    });
    expect(await readFile(join(folder, 'main.key'), 'utf8')).toBe(before);
  });

  it('asks for a new passphrase twice', async () => {
    let asked = 0;
    const words = ['one', 'one', 'one', 'two'];
    const person = new Person(() => words[asked++] ?? '');
    expect(await askNewPassphrase(person)).toBe('one');
    await expect(askNewPassphrase(person)).rejects.toMatchObject({ type: 'BadInput' });
    await expect(askNewPassphrase(undefined)).rejects.toMatchObject({ type: 'BadInput' });
  });
});
