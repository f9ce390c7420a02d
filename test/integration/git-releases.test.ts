import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { parse } from 'yaml';
import { objectHistory } from '../../activities/git/object-history.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { openSecretSealer } from '../../git/secret-sealer.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { findCanaries, newCanary } from '../support/canaries.ts';
import { NO_RULES, settings, testRemote, type TestRemote } from '../support/git-remotes.ts';
import { recordObject, releaseDocument, type RecordOptions } from '../support/helm-records.ts';

/** Revision 1 of release `web`, as Helm stores it. */
const release = (config: JsonObject, { revision = 1, ...more }: RecordOptions = {}): JsonObject => {
  const document = releaseDocument({
    config,
    version: revision,
    name: more.name ?? 'web',
    info: { status: 'deployed', last_deployed: `${revision}` },
  });
  return recordObject(document, { revision, ...more });
};

describe('Helm releases in Git', () => {
  let bare: BareRepository;
  const canary = newCanary('value');
  const opened: TestRemote[] = [];

  beforeAll(async () => {
    bare = await BareRepository.make();
  });

  afterAll(() => bare.remove());

  beforeEach(async () => {
    await bare.git('update-ref', '-d', 'refs/heads/prod');
  });

  afterEach(async () => {
    for (const remote of opened.splice(0)) await remote.remove();
  });

  const open = async (more: Parameters<typeof testRemote>[1]): Promise<TestRemote> => {
    const made = await testRemote({ url: bare.folder }, more);
    opened.push(made);
    return made;
  };
  const plain = () => open({ helmValues: 'plain' });
  const read = async (file: string): Promise<unknown> => parse(await bare.read('prod', `shop/_helm/${file}`));

  it('are their chart and values, and one line of the message; a revision that changes neither is no commit', async () => {
    const { sync, remote } = await plain();
    const first = await sync([settings('a'), release({ count: 3 })]);
    expect(first).toMatchObject({ created: 2, warnings: [], errors: [] });
    expect(await bare.files('prod')).toEqual([
      'shop/_helm/web/computed-values.yaml',
      'shop/_helm/web/release.yaml',
      'shop/_helm/web/values.yaml',
      'shop/configmaps/a.yaml',
    ]);
    expect(await read('web/values.yaml')).toEqual({ count: 3 });
    expect(await read('web/release.yaml')).toEqual({ name: 'web', namespace: 'shop', chart: 'web', version: '1.2.3', appVersion: '2.0' });
    expect(await bare.message('prod')).toContain('\n\ncreated ConfigMap shop/a\ncreated release shop/web\n\n');
    const older = release({ count: 3 }, { status: 'superseded' });
    expect(await sync([settings('a'), older, release({ count: 3 }, { revision: 2 })])).toMatchObject({ commit: '' });
    const changed = await sync([settings('a'), older, release({ count: 4, name: 'x' }, { revision: 3 })]);
    expect(changed).toMatchObject({ created: 0, changed: 1, deleted: 0 });
    expect(await read('web/computed-values.yaml')).toEqual({ count: 4, name: 'x' });
    const history = await objectHistory(
      remote,
      { cluster: 'prod', kind: 'release', name: 'web', namespace: 'shop' },
      new AbortController().signal,
    );
    expect(history).toMatchObject({ object: { kind: 'release', namespace: 'shop', name: 'web' } });
    expect(history.commits.map(({ commit, what, fields }) => [commit, what, fields])).toEqual([
      [
        changed.commit,
        'changed',
        [
          { path: 'values.count', from: '3', to: '4' },
          { path: 'values.name', from: '', to: '"x"' },
        ],
      ],
      [first.commit, 'created', []],
    ]);
  });

  it.each<[string, JsonObject[]]>([
    ['there is no record any more', []],
    ['it is uninstalled and its history is kept', [release({}, { status: 'uninstalled' })]],
  ])('are deleted when %s', async (_what, records) => {
    const { sync } = await plain();
    await sync([release({})]);
    expect(await sync(records)).toMatchObject({ deleted: 1 });
    expect(await bare.message('prod')).toContain('deleted release shop/web');
    expect(await bare.files('prod')).toEqual([]);
  });

  it('stay as they are where a record is cut short, with one warning, and where the selection has not seen all records', async () => {
    const { sync } = await plain();
    const other = release({}, { name: 'api', kind: 'ConfigMap' });
    await sync([release({ count: 3 }), other]);
    const cut = recordObject({}, { content: Buffer.from([0x1f, 0x8b, 0x08, 1, 2]), revision: 2 });
    const synced = await sync([cut, other]);
    expect(synced).toMatchObject({ commit: '', errors: [] });
    expect(synced.warnings.map(({ code, message }) => [code, message])).toEqual([
      [
        'ReleaseUnreadable',
        expect.stringMatching(/^release shop\/web revision 2: .* cut short or damaged; its files in Git stay as they are$/),
      ],
    ]);
    for (const selection of [{ excludedResources: ['secrets'] }, { includedNamespaces: ['pay'] }, { labelSelector: 'owner=helm' }])
      expect(await sync([], { selection })).toMatchObject({ commit: '' });
    expect(await sync([release({ count: 5 }, { revision: 3 })], { selection: { labelSelector: 'owner=helm' } })).toMatchObject({
      commit: '',
    });
    expect(await sync([], { errors: [{ code: 'Unavailable', message: 'secrets' }] })).toMatchObject({ commit: '' });
    expect(await read('web/values.yaml')).toEqual({ count: 3 });
  });

  it('have no values unless these are wanted, and encrypted ones change only when they have changed', async () => {
    const { sync: bareSync } = await open({});
    await bareSync([release({ password: canary })]);
    expect(await bare.files('prod')).toEqual(['shop/_helm/web/release.yaml']);

    const identity = await generateX25519Identity();
    const { folder } = await open({});
    const keys = { recipients: [await identityToRecipient(identity)], identities: [] };
    const sealer = await openSecretSealer({ ...keys, remote: 'test', folder: join(folder, 'secrets') });
    const { sync } = await open({ sealer });
    expect(await sync([release({ password: canary })])).toMatchObject({ created: 0, changed: 1 });
    const files = ['shop/_helm/web/computed-values.yaml.age', 'shop/_helm/web/release.yaml', 'shop/_helm/web/values.yaml.age'];
    expect(await bare.files('prod')).toEqual(files);
    expect(await sealer.open(Buffer.from(await bare.read('prod', files[2]!)))).toBeUndefined();
    const opener = await openSecretSealer({ ...keys, identities: [identity], remote: 'test', folder: join(folder, 'opener') });
    expect(await opener.open(Buffer.from(await bare.read('prod', files[2]!)))).toBe(`password: ${canary}\n`);
    expect(await sync([release({ password: canary }, { revision: 2 })])).toMatchObject({ commit: '' });
    expect(await sync([release({ password: `${canary}-2` }, { revision: 3 })])).toMatchObject({ changed: 1 });
    expect(findCanaries('git', Buffer.from(await bare.everything()), [canary])).toEqual([]);
    // Secrets stay encrypted where values are wanted plainly.
    const { sync: open2 } = await open({ sealer, helmValues: 'plain' });
    expect(await open2([release({ password: 'no secret' })])).toMatchObject({ changed: 1 });
    expect((await bare.files('prod')).filter((path) => path.endsWith('.age'))).toEqual([]);
  });

  it("follow the user's rules: fields of values are left out, and releases as a whole", async () => {
    const rules = { ...NO_RULES, rules: [{ kinds: ['releases.helm.sh'], fields: ['db.password'] }] };
    const { sync } = await open({ helmValues: 'plain', rules });
    await sync([release({ db: { password: canary, user: 'u' } })]);
    expect(await read('web/values.yaml')).toEqual({ db: { user: 'u' } });
    expect(findCanaries('git', Buffer.from(await bare.everything()), [canary])).toEqual([]);
    const { sync: without } = await open({ helmValues: 'plain', rules: { ...rules, ignoreKinds: ['releases'] } });
    expect(await without([release({})])).toMatchObject({ deleted: 1, files: 0 });
  });
});
