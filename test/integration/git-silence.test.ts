import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BareRepository } from '../support/bare-repository.ts';
import { settings, testRemote, type TestRemote } from '../support/git-remotes.ts';
import { gitHttpServer, type GitServer } from '../support/git-server.ts';
import { until } from '../support/raw-api.ts';
import { stallingProxy, type StallingProxy } from '../support/stalling-proxy.ts';

const TOKEN = 'token';
const A = settings('a', { x: '1' });
const SHORT = { silenceMs: 1_000 };
/** More than a proxy lets through, and nothing that shrinks. */
const LARGE = settings('large', { x: randomBytes(60_000).toString('base64') });
const HALF_A_PACK = 20_000;

/** Processes that work on a clone: git itself, and what it has started. */
async function atWorkOn(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const of = async (pid: string): Promise<string> => {
    const texts = ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''));
    const [words = '', environment = ''] = await Promise.all(texts);
    return words.startsWith('git') || words.startsWith('ssh') || words.includes('/git') ? `${words} ${environment}` : '';
  };
  const found = await Promise.all(pids.map(of));
  return found.filter((text) => text.includes(folder));
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe('a Git server that goes silent', () => {
  let bare: BareRepository;
  let http: GitServer;
  let mute: StallingProxy;
  let halting: StallingProxy;
  const opened: TestRemote[] = [];

  beforeAll(async () => {
    bare = await BareRepository.make();
    http = await gitHttpServer(bare, TOKEN);
    mute = await stallingProxy(undefined, 0);
    halting = await stallingProxy(Number(new URL(http.url).port), HALF_A_PACK);
    await (await open(bare.folder)).sync([A, LARGE]);
  });

  afterAll(async () => {
    await Promise.all([mute.stop(), halting.stop()]);
    await http.stop();
    await bare.remove();
  });

  afterEach(async () => {
    for (const remote of opened.splice(0)) await remote.remove();
  });

  const open = async (url: string, more: Parameters<typeof testRemote>[1] = {}): Promise<TestRemote> => {
    const access = url.startsWith('http:') ? { token: TOKEN } : url.startsWith('ssh:') ? { knownHostsFile: '/dev/null' } : {};
    const made = await testRemote({ url, ...access }, more);
    opened.push(made);
    return made;
  };
  /** What is left on this machine by a sync that has failed; another one, which is as patient as usual, goes on with it. */
  const healsIn = async (folder: string, objects: Parameters<TestRemote['sync']>[0], done: object): Promise<void> => {
    await until('git is gone', async () => (await atWorkOn(folder)).length === 0);
    const { sync } = await open(bare.folder, { folder });
    expect(await sync(objects)).toMatchObject(done);
    expect((await readdir(join(folder, 'clone.git', 'objects', 'pack'))).filter((name) => name.startsWith('tmp_'))).toEqual([]);
    expect(await bare.git('fsck', '--strict', '--no-dangling')).toBe('');
  };

  it.each<[string, () => string]>([
    ['over HTTP', () => `http://127.0.0.1:${mute.port}/x.git`],
    ['over SSH', () => `ssh://git@127.0.0.1:${mute.port}/x.git`],
    ['in the middle of a pack', () => http.url.replace(/:\d+\//, `:${halting.port}/`)],
  ])('%s is given up in time and in one line, with nothing left at work, and the next sync goes on', async (_what, url) => {
    const { sync, folder } = await open(url(), { patience: SHORT });
    await expect(sync([A, LARGE])).rejects.toMatchObject({
      name: 'HoldfastError',
      type: 'Unavailable',
      message: expect.stringMatching(/^Git remote test \([^\n]+\): the server has been silent for 1 s$/),
    });
    expect(mute.stalled() + halting.stalled()).toBeGreaterThan(0);
    await healsIn(folder, [A, LARGE], { commit: '' });
  });

  it('while it takes a commit is given up, too, however much it still says: the branch is as it was', async () => {
    const before = await bare.commits('prod');
    const { folder } = await open(bare.folder);
    const changed = [settings('a', { x: '2' }), LARGE];
    await bare.hook('pre-receive', 'exec sleep 600');
    const silent = await open(bare.folder, { folder, patience: SHORT });
    await expect(silent.sync(changed)).rejects.toThrow('the server has been silent for 1 s');
    await bare.hook('pre-receive', 'while :; do echo wait >&2; sleep 0.1; done');
    const talking = await open(bare.folder, { folder, patience: { callMs: 1_500 } });
    await expect(talking.sync(changed)).rejects.toThrow('the server has not come to an end in 1.5 s');
    await bare.unhook('pre-receive');
    expect(await bare.commits('prod')).toEqual(before);
    await healsIn(folder, changed, { changed: 1 });
  });
});

describe('a worker that is killed', () => {
  let bare: BareRepository;
  let http: GitServer;
  let remote: TestRemote;
  const changed = [settings('a', { x: '2' }), LARGE];

  beforeAll(async () => {
    bare = await BareRepository.make();
    http = await gitHttpServer(bare, TOKEN);
    const first = await testRemote({ url: bare.folder });
    await first.sync([A, LARGE]);
    await first.remove();
    remote = await testRemote({ url: bare.folder });
  });

  afterAll(async () => {
    await http.stop();
    await Promise.all([bare.remove(), remote.remove()]);
  });

  /** Starts a process that syncs A, and kills it when this is so. */
  const killWhen = async (script: string, isSo: () => Promise<boolean>): Promise<void> => {
    const support = new URL('../support/git-remotes.ts', import.meta.url).href;
    const text = `import { testRemote, settings } from '${support}';\n${script}`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-e', text], {
      stdio: 'inherit',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const gone = once(child, 'close');
    await until('it has got there', isSo);
    child.kill('SIGKILL');
    await gone;
    // That nobody has the clone any more is known after ten seconds, or when the lock is taken away.
    await rm(join(remote.folder, 'lock'), { recursive: true, force: true });
  };

  it('while it fetches leaves half a pack and locks, and the next sync goes on with the clone', async () => {
    const halting = await stallingProxy(Number(new URL(http.url).port), HALF_A_PACK);
    const access = JSON.stringify({ url: http.url.replace(/:\d+\//, `:${halting.port}/`), token: TOKEN });
    const packs = join(remote.folder, 'clone.git', 'objects', 'pack');
    const script = `await (await testRemote(${access}, { folder: '${remote.folder}' })).sync([settings('a')]);`;
    const halves = async () => (await readdir(packs).catch(() => [])).filter((name) => name.startsWith('tmp_pack'));
    await killWhen(script, async () => (await halves()).length > 0 || halting.stalled() > 0);
    await halting.stop();
    const clone = join(remote.folder, 'clone.git');
    for (const left of ['refs/heads/prod.lock', 'packed-refs.lock', 'config.lock', 'objects/pack/tmp_pack_x'])
      await writeFile(join(clone, left), '');
    await writeFile(join(clone, 'mark'), 'this clone');
    expect(await remote.sync(changed)).toMatchObject({ changed: 1 });
    expect(await halves()).toEqual([]);
    expect(await isThere(join(clone, 'mark'))).toBe(true);
  });

  it('between commit and push has pushed nothing, and the next sync does', async () => {
    const before = await bare.commits('prod');
    const committed = join(remote.folder, 'clone.git', 'refs', 'holdfast', 'new');
    await rm(committed, { force: true });
    // It ends itself at the first sign of life after the commit, before it pushes.
    const script = `
      import { existsSync } from 'node:fs';
      const { remote } = await testRemote({ url: '${bare.folder}' }, { folder: '${remote.folder}' });
      const { syncToGit } = await import('${new URL('../../activities/git/sync-to-git.ts', import.meta.url).href}');
      const { stateOf } = await import('${new URL('../support/git-remotes.ts', import.meta.url).href}');
      const { SELECT_ALL } = await import('${new URL('../../contracts/selection.ts', import.meta.url).href}');
      const beat = () => { if (existsSync('${committed}')) process.kill(process.pid, 'SIGKILL'); };
      const pulse = { beat, signal: new AbortController().signal };
      const state = () => Promise.resolve(stateOf([settings('a', { x: '3' })], SELECT_ALL));
      await syncToGit({ remote, cluster: 'prod', takeOver: false, charts: () => Promise.reject(new Error()), pulse, state });`;
    await killWhen(script, () => isThere(committed));
    expect(await bare.commits('prod')).toEqual(before);
    expect(await remote.sync([settings('a', { x: '3' })])).toMatchObject({ changed: 1, deleted: 1 });
    expect(await bare.git('fsck', '--strict', '--no-dangling')).toBe('');
  });
});
