import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { openSecretSealer } from '../../git/secret-sealer.ts';
import type { RemoteAccess } from '../../git/remote-access.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { canariesInFolder, findCanaries, newCanary } from '../support/canaries.ts';
import { charts, testRemote, secretObject, settings, type TestRemote } from '../support/git-remotes.ts';
import { gitHttpServer, gitSshServer, type GitSshServer } from '../support/git-server.ts';

const TOKEN = newCanary('token');
const A = settings('a', { x: '1' });

describe('a Git remote', () => {
  let bare: BareRepository;
  let http: Awaited<ReturnType<typeof gitHttpServer>>;
  let ssh: GitSshServer;
  const opened: TestRemote[] = [];

  beforeAll(async () => {
    bare = await BareRepository.make();
    [http, ssh] = await Promise.all([gitHttpServer(bare, TOKEN), gitSshServer(bare)]);
  });

  afterAll(async () => {
    await Promise.all([http.stop(), ssh.stop()]);
    await bare.remove();
  });

  beforeEach(async () => {
    for (const ref of (await bare.git('for-each-ref', '--format=%(refname)')).split('\n').filter((name) => name !== ''))
      await bare.git('update-ref', '-d', ref);
  });

  afterEach(async () => {
    for (const remote of opened.splice(0)) await remote.remove();
  });

  const open = async (reached: RemoteAccess = { url: bare.folder }, more: Parameters<typeof testRemote>[1] = {}): Promise<TestRemote> => {
    const made = await testRemote(reached, more);
    opened.push(made);
    return made;
  };
  const overHttp = (token = TOKEN): RemoteAccess => ({ url: http.url, token });
  const overSsh = (more: Partial<RemoteAccess> = {}): RemoteAccess => ({
    url: ssh.url,
    sshKeyFile: ssh.keyFile,
    knownHostsFile: ssh.knownHostsFile,
    ...more,
  });

  it.each<[string, () => RemoteAccess]>([
    ['a folder', () => ({ url: bare.folder })],
    ['file://', () => ({ url: `file://${bare.folder}` })],
    ['HTTP with a token', () => overHttp()],
    ['SSH with a key and known hosts', () => overSsh()],
  ])('is reached by %s: a first commit, another one, none, and one that deletes', async (_what, reached) => {
    const { sync } = await open(reached());
    expect(await sync([A, settings('b')])).toMatchObject({ branch: 'prod', created: 2, files: 2 });
    const changed = await sync([settings('a', { x: '2' })]);
    expect(changed).toMatchObject({ created: 0, changed: 1, deleted: 1 });
    expect(await sync([settings('a', { x: '2' })])).toMatchObject({ commit: '' });
    expect(await bare.message('prod')).toBe(
      'sync prod: 1 changed, 1 deleted\n\nchanged ConfigMap shop/a\ndeleted ConfigMap shop/b\n\nHoldfast-Cluster: prod\nHoldfast-Revision: 7',
    );
    expect(await bare.files('prod')).toEqual(['shop/configmaps/a.yaml']);
    expect(await bare.commits('prod')).toHaveLength(2);
    expect(await bare.git('log', '-1', '--format=%an <%ae> %cn', 'prod')).toBe('Holdfast <holdfast@localhost> Holdfast');
  });

  it.each<[string, () => RemoteAccess, string, RegExp]>([
    ['a wrong token', () => overHttp('wrong-token'), 'Forbidden', /the server refuses the credentials/],
    ['no token', () => ({ url: http.url }), 'Forbidden', /the server refuses the credentials/],
    ['a wrong key', () => overSsh({ sshKeyFile: ssh.otherKeyFile }), 'Forbidden', /the server refuses the credentials/],
    ['an unknown host key', () => overSsh({ knownHostsFile: '/dev/null' }), 'Forbidden', /host key of the server is not the one/],
    ['another host key', () => overSsh({ knownHostsFile: ssh.otherKnownHostsFile }), 'Forbidden', /host key of the server is not the one/],
    ['no such folder', () => ({ url: `${bare.folder}-gone` }), 'NotFound', /there is no such repository/],
    ['no such repository over HTTP', () => ({ ...overHttp(), url: `${http.url}-gone` }), 'NotFound', /there is no such repository/],
    ['no such repository over SSH', () => overSsh({ url: `${ssh.url}-gone` }), 'NotFound', /there is no such repository/],
    ['nobody there', () => ({ ...overHttp(), url: 'http://127.0.0.1:1/x.git' }), 'Unavailable', /Failed to connect/],
    ['nobody there with SSH', () => overSsh({ url: 'ssh://git@127.0.0.1:1/x.git' }), 'Unavailable', /Connection refused/],
  ])('says in one line that there is %s', async (_what, reached, type, words) => {
    const failure: unknown = await (await open(reached())).sync([A]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'HoldfastError', type, message: expect.stringMatching(words) });
    expect((failure as Error).message).toMatch(/^Git remote test \([^\n]+$/);
    expect(findCanaries('message', Buffer.from((failure as Error).message), [TOKEN, 'wrong-token'])).toEqual([]);
  });

  it('never writes the token down, nor into a URL', async () => {
    const { sync, folder } = await open(overHttp());
    await sync([A]);
    expect(await canariesInFolder(folder, [TOKEN])).toEqual([]);
    expect(http.seen.filter((line) => line.includes(TOKEN))).toEqual([]);
    expect(http.seen.some((line) => line.includes('git-receive-pack'))).toBe(true);
  });

  it("leaves other people's files and other branches alone", async () => {
    await bare.commitFile('prod', 'README.md', 'ours\n');
    await bare.commitFile('prod', 'docs/api/x.yaml', 'a: b\n');
    await bare.commitFile('prod', 'pay/configmaps/theirs.yaml', 'a: b\n');
    await bare.commitFile('main', 'x', 'y');
    const { sync } = await open();
    await sync([A], { selection: { includedNamespaces: ['shop'] } });
    expect(await bare.files('prod')).toEqual(['README.md', 'docs/api/x.yaml', 'pay/configmaps/theirs.yaml', 'shop/configmaps/a.yaml']);
    expect(await bare.commits('main')).toHaveLength(1);
    // What stands for an object that is gone is the sync's, whoever wrote it.
    expect(await sync([A])).toMatchObject({ deleted: 1 });
    expect(await bare.files('prod')).toEqual(['README.md', 'docs/api/x.yaml', 'shop/configmaps/a.yaml']);
  });

  it('deletes of a selection by labels what bore them, and nothing where something could not be read', async () => {
    const { sync } = await open();
    const labelled = { ...A, metadata: { name: 'a', namespace: 'shop', labels: { team: 'x' } } };
    await sync([labelled, settings('b')]);
    expect(await sync([], { errors: [{ code: 'Unavailable', message: 'a kind' }] })).toMatchObject({
      commit: '',
      warnings: [{ code: 'NothingDeleted' }],
    });
    expect(await sync([], { selection: { labelSelector: 'team=x' } })).toMatchObject({ deleted: 1 });
    expect(await bare.files('prod')).toEqual(['shop/configmaps/b.yaml']);
  });

  it('takes what two syncs push at the same time, and what somebody pushes in between', async () => {
    const [one, other] = [await open(overHttp()), await open(overSsh())];
    const both = await Promise.all([
      one.sync([A], { selection: { includedNamespaces: ['shop'] } }),
      other.sync([settings('p', {}, 'pay')], { selection: { includedNamespaces: ['pay'] } }),
    ]);
    expect(both.map(({ created }) => created)).toEqual([1, 1]);
    let times = 0;
    const raced = await one.sync([A, settings('c')], {
      selection: { includedNamespaces: ['shop'] },
      beforeEach: async () => {
        times += 1;
        if (times < 3) await bare.commitFile('prod', `hand-${times}`, 'x');
      },
    });
    expect(times).toBe(3);
    expect(raced).toMatchObject({ created: 1 });
    expect(await bare.files('prod')).toEqual([
      'hand-1',
      'hand-2',
      'pay/configmaps/p.yaml',
      'shop/configmaps/a.yaml',
      'shop/configmaps/c.yaml',
    ]);
    // Nothing was forced, nothing merged: one line of commits.
    expect(await bare.commits('prod')).toHaveLength(5);
  });

  it('gives up with one line when somebody is first again and again', async () => {
    const { sync } = await open();
    await sync([A]);
    let times = 0;
    const failing = sync([settings('b')], { beforeEach: async () => bare.commitFile('prod', `hand-${(times += 1)}`, 'x') });
    await expect(failing).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringContaining('changed 8 times') });
  });

  it("repeats the server's words when it refuses a push, stays healthy, and the next sync heals", async () => {
    const { sync } = await open(overHttp());
    await sync([A]);
    await bare.hook('pre-receive', 'echo "branch prod is protected by rule 7" >&2; exit 1');
    const refused = sync([settings('a', { x: '2' })]);
    await expect(refused).rejects.toMatchObject({
      type: 'Forbidden',
      message: expect.stringMatching(/the server refuses the push: branch prod is protected by rule 7$/),
    });
    expect(await bare.commits('prod')).toHaveLength(1);
    await bare.unhook('pre-receive');
    expect(await sync([settings('a', { x: '2' })])).toMatchObject({ changed: 1 });
    expect(await bare.commits('prod')).toHaveLength(2);
  });

  it('makes the clone anew when it is deleted, cut short, or locked by one that died', async () => {
    const { sync, folder } = await open();
    await sync([A]);
    const clone = join(folder, 'clone.git');
    await rm(folder, { recursive: true });
    expect(await sync([A])).toMatchObject({ commit: '' });
    const objects = (await readdir(join(clone, 'objects'), { recursive: true })).filter((name) => /^..\/.{38}$|pack$/.test(name));
    for (const name of objects) {
      const file = join(clone, 'objects', name);
      if ((await readdir(file).catch(() => undefined)) !== undefined) continue;
      await chmod(file, 0o644);
      await truncate(file, 0);
    }
    expect(await sync([settings('a', { x: '2' })])).toMatchObject({ changed: 1 });
    await writeFile(join(clone, 'refs', 'heads', 'prod.lock'), '');
    await writeFile(join(clone, 'config'), 'no [ config');
    expect(await sync([settings('a', { x: '3' })])).toMatchObject({ changed: 1 });
    expect(await bare.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  it('is as it was when the process is killed in the middle of a push', async () => {
    const { sync, folder } = await open();
    await sync([A]);
    const started = join(folder, 'push-has-begun');
    await bare.hook('pre-receive', `touch '${started}'; sleep 600 </dev/null >/dev/null 2>&1 & echo $! > '${folder}/sleeper'; wait`);
    const script = `
      import { testRemote, settings } from '${new URL('../support/git-remotes.ts', import.meta.url).href}';
      const { sync } = await testRemote({ url: '${bare.folder}' }, { folder: '${folder}' });
      await sync([settings('a', { x: '2' })]);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-e', script], {
      stdio: 'inherit',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const isThere = (path: string) =>
      access(path).then(
        () => true,
        () => false,
      );
    while (!(await isThere(join(folder, 'sleeper')))) {
      expect(child.exitCode).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
    await bare.unhook('pre-receive');
    process.kill(Number(await readFile(join(folder, 'sleeper'), 'utf8')), 'SIGKILL');
    // The killed one may have got through in the end or not; either way the branch is whole, and the next sync is right.
    await sync([settings('a', { x: '3' })]);
    expect(await bare.read('prod', 'shop/configmaps/a.yaml')).toContain('x: "3"');
    expect(await bare.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  it('ends its helpers when it is cancelled', async () => {
    const { remote, folder } = await open();
    await bare.hook('pre-receive', `touch '${folder}/begun'; exec sleep 600`);
    const stop = new AbortController();
    const { syncToGit } = await import('../../activities/git/sync-to-git.ts');
    const { stateOf } = await import('../support/git-remotes.ts');
    const { SELECT_ALL } = await import('../../contracts/selection.ts');
    const pulse = { beat: () => undefined, signal: stop.signal };
    const syncing = syncToGit({
      remote,
      cluster: 'prod',
      takeOver: false,
      charts,
      pulse,
      state: () => Promise.resolve(stateOf([A], SELECT_ALL)),
    });
    syncing.catch(() => undefined);
    while (
      !(await access(join(folder, 'begun')).then(
        () => true,
        () => false,
      ))
    )
      await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort(new Error('cancelled by the user'));
    await expect(syncing).rejects.toThrow('cancelled by the user');
    await bare.unhook('pre-receive');
  });
});

describe('two clusters and one branch', () => {
  const common = { branch: 'main' };
  let bare: BareRepository;
  const opened: TestRemote[] = [];

  beforeAll(async () => {
    bare = await BareRepository.make();
  });

  afterEach(async () => {
    for (const remote of opened.splice(0)) await remote.remove();
    await bare.git('update-ref', '-d', 'refs/heads/main');
  });

  afterAll(() => bare.remove());

  const cluster = async (name: string): Promise<TestRemote['sync']> => {
    const made = await testRemote({ url: bare.folder }, { ...common, cluster: name });
    opened.push(made);
    return made.sync;
  };

  it('do not change or delete what the other has written: the sync fails, and says what to do', async () => {
    const [prod, staging] = [await cluster('prod'), await cluster('staging')];
    await prod([A, settings('b')]);
    const before = await bare.commits('main');
    for (const objects of [[settings('a', { x: '2' }), settings('b')], [A]]) {
      const failing = staging(objects);
      await expect(failing).rejects.toMatchObject({
        type: 'Conflict',
        message: expect.stringMatching(
          /^Git remote test: shop\/configmaps\/[ab]\.yaml in branch main belongs to cluster "prod", whose sync was the last to write it$/,
        ),
        advice: expect.stringContaining('`holdfast git sync test --take-over` once'),
      });
    }
    await expect(staging([])).rejects.toThrow(
      'a.yaml in branch main belongs to cluster "prod", whose sync was the last to write it, and 1 more files',
    );
    expect(await bare.commits('main')).toEqual(before);
    // What both have alike, what is new, and what people have written since is nobody's in particular.
    expect(await staging([A, settings('b'), settings('p', {}, 'pay')])).toMatchObject({ created: 1 });
    await bare.commitFile('main', 'shop/configmaps/b.yaml', 'by: hand\n');
    expect(await staging([A, settings('b'), settings('p', {}, 'pay')])).toMatchObject({ changed: 1 });
    await expect(prod([A, settings('b')])).rejects.toThrow('pay/configmaps/p.yaml in branch main belongs to cluster "staging"');
  });

  it('may follow one another: what was taken over once is taken over for good, also when nothing else has changed', async () => {
    const [old, heir] = [await cluster('old'), await cluster('new')];
    await old([A, settings('b')]);
    expect(await heir([A, settings('b')], { takeOver: true })).toMatchObject({
      commit: expect.stringMatching(/./),
      created: 0,
      changed: 0,
    });
    expect(await bare.message('main')).toMatch(/^sync new: takes over from old\n\nHoldfast-Cluster: new\nHoldfast-Takes-Over: old\n/);
    expect(await heir([A, settings('b')], { takeOver: true })).toMatchObject({ commit: '' });
    expect(await heir([settings('a', { x: '2' })])).toMatchObject({ changed: 1, deleted: 1 });
    await expect(old([A])).rejects.toThrow('belongs to cluster "new"');
  });
});

describe('Secrets in Git', () => {
  let bare: BareRepository;
  let identity: string;
  let recipient: string;
  const value = newCanary('secret');
  const remotes: TestRemote[] = [];

  beforeAll(async () => {
    bare = await BareRepository.make();
    identity = await generateX25519Identity();
    recipient = await identityToRecipient(identity);
  });

  afterAll(async () => {
    for (const { folder } of remotes) expect(await canariesInFolder(folder, [value])).toEqual([]);
    expect(findCanaries('git', Buffer.from(await bare.everything()), [value])).toEqual([]);
    for (const remote of remotes) await remote.remove();
    await bare.remove();
  });

  const open = async (identities: readonly string[], recipients = [recipient]): Promise<TestRemote> => {
    const memory = await testRemote({ url: bare.folder });
    const sealer = await openSecretSealer({ recipients, identities, remote: 'test', folder: join(memory.folder, 'secrets') });
    const made = await testRemote({ url: bare.folder }, { sealer });
    remotes.push(memory, made);
    return made;
  };

  it('are left out without recipients, and taken away when they are no longer wanted', async () => {
    const without = await testRemote({ url: bare.folder });
    remotes.push(without);
    expect(await without.sync([secretObject('key', value), A])).toMatchObject({ created: 1 });
    const { sync } = await open([]);
    expect(await sync([secretObject('key', value), A])).toMatchObject({ created: 1, changed: 0 });
    expect(await bare.files('prod')).toEqual(['shop/configmaps/a.yaml', 'shop/secrets/key.yaml.age']);
    expect(await bare.read('prod', 'shop/secrets/key.yaml.age')).toMatch(
      /^-----BEGIN AGE ENCRYPTED FILE-----\n[^]*-----END AGE ENCRYPTED FILE-----\n$/,
    );
    expect(await without.sync([secretObject('key', value), A])).toMatchObject({ deleted: 1 });
  });

  it('are committed when they change only, by memory, or by identity where nothing is remembered', async () => {
    const { sync } = await open([]);
    const state = [secretObject('key', value)];
    expect(await sync(state)).toMatchObject({ created: 1 });
    expect(await sync(state)).toMatchObject({ commit: '' });
    const able = await open([identity]);
    expect(await able.sync(state)).toMatchObject({ commit: '' });
    // Whoever neither remembers nor has an identity encrypts once more, and then remembers.
    const forgetful = await open([]);
    expect(await forgetful.sync(state)).toMatchObject({ changed: 1 });
    expect(await forgetful.sync(state)).toMatchObject({ commit: '' });
    expect(await able.sync([secretObject('key', `${value}-2`)])).toMatchObject({ changed: 1 });
    const more = await identityToRecipient(await generateX25519Identity());
    const wider = await open([], [recipient, more]);
    expect(await wider.sync([secretObject('key', `${value}-2`)])).toMatchObject({ changed: 1 });
  });

  it('are refused with keys that are none, without repeating them', async () => {
    const failing = openSecretSealer({ recipients: ['age1nonsense'], identities: [], remote: 'test', folder: bare.folder });
    await expect(failing).rejects.toMatchObject({ type: 'BadInput', message: 'Git remote test: one of its recipients is no age key' });
  });
});
