import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { importCommit } from '../../activities/git/import-commit.ts';
import { capturedState } from '../../activities/git/git-source.ts';
import { objectHistory } from '../../activities/git/object-history.ts';
import { openSecretSealer } from '../../git/secret-sealer.ts';
import type { Repository } from '../../repository/repository.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { newRepository } from '../repository/samples.ts';
import { BareRepository } from '../support/bare-repository.ts';
import { findCanaries, newCanary } from '../support/canaries.ts';
import { secretObject, settings, testRemote, type TestRemote } from '../support/git-remotes.ts';

const OWNER = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', controller: true };

describe('a commit as a backup', () => {
  let bare: BareRepository;
  let repository: Repository;
  let able: TestRemote;
  let blind: TestRemote;
  const secret = newCanary('secret');
  const pulse = { beat: () => undefined, signal: new AbortController().signal };

  beforeAll(async () => {
    bare = await BareRepository.make();
    ({ repository } = await newRepository());
    const identity = await generateX25519Identity();
    const memory = await testRemote({ url: bare.folder });
    const common = { recipients: [await identityToRecipient(identity)], remote: 'test', folder: memory.folder };
    able = await testRemote(
      { url: bare.folder },
      { sealer: await openSecretSealer({ ...common, identities: [identity] }), folder: memory.folder },
    );
    blind = await testRemote({ url: bare.folder }, { sealer: await openSecretSealer({ ...common, identities: [] }) });
    const owned = { name: 'a', namespace: 'shop', ownerReferences: [{ ...OWNER, uid: 'there' }] };
    await able.sync([{ ...settings('a', { n: '1' }), metadata: owned }, secretObject('key', secret)]);
    await bare.commitFile('prod', 'shop/configmaps/odd.yaml', `kind: [${secret}\n`);
    await bare.commitFile(
      'prod',
      'shop/configmaps/moved.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: other, namespace: pay }\n',
    );
    await bare.commitFile(
      'prod',
      'shop/widgets.example.com/w.yaml',
      'apiVersion: example.com/v2\nkind: Widget\nmetadata: { name: w, namespace: shop }\nspec: { n: 1.0, big: 9007199254740993 }\n',
    );
    await bare.commitFile('prod', '_cluster/namespaces/shop.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n');
  });

  afterAll(async () => {
    await Promise.all([able.remove(), blind.remove(), bare.remove()]);
  });

  const bringIn = (from: TestRemote, commit: string) =>
    importCommit({
      remote: from.remote,
      repository,
      input: { remote: 'test', commit, location: 'l', cluster: 'prod' },
      runId: 'run',
      pulse,
    });
  const objectsOf = async (sequence: number) => {
    const found: JsonObject[] = [];
    const state = await capturedState(repository, sequence, {
      cluster: 'prod',
      remote: 'test',
      selection: SELECT_ALL,
      source: { live: true },
    });
    for await (const { object } of state.objects()) found.push(object);
    return found;
  };

  it('holds every manifest of the commit as it is written, its kind by its folder and what is in it', async () => {
    const head = (await bare.commits('prod'))[0]!;
    const made = await bringIn(able, 'HEAD');
    expect(made).toMatchObject({ backup: `git-${head.slice(0, 12)}`, commit: head, objects: 4, made: true });
    expect(made.warnings.map(({ code, message }) => `${code}: ${message}`).sort()).toEqual([
      'NoManifest: shop/configmaps/moved.yaml is left out: it holds another object than its path says',
      expect.stringMatching(/^NoManifest: shop\/configmaps\/odd.yaml is left out: it is no YAML/),
    ]);
    expect(findCanaries('warnings', Buffer.from(JSON.stringify(made)), [secret])).toEqual([]);
    const { manifest } = await repository.readBackup(made.sequence);
    expect(manifest).toMatchObject({ labels: { 'holdfast.dev/from-git': head }, namespaces: ['shop'], cluster: { name: 'prod' } });
    expect(manifest.kinds.map(({ type }) => type)).toContainEqual({
      group: 'example.com',
      version: 'v2',
      kind: 'Widget',
      resource: 'widgets',
      namespaced: true,
    });
    const objects = await objectsOf(made.sequence);
    expect(objects).toContainEqual(expect.objectContaining({ kind: 'Secret', data: { password: Buffer.from(secret).toString('base64') } }));
    expect(objects.find(({ kind }) => kind === 'ConfigMap')).toMatchObject({ metadata: { name: 'a', ownerReferences: [OWNER] } });
    expect(JSON.stringify(objects.find(({ kind }) => kind === 'Widget')?.['spec'])).toBe('{"n":1.0,"big":9007199254740993}');
  });

  it('is made once', async () => {
    const head = (await bare.commits('prod'))[0]!;
    const again = await bringIn(able, head.slice(0, 8));
    expect(again).toMatchObject({ made: false, objects: 4, backup: `git-${head.slice(0, 12)}` });
    expect(await repository.backups()).toHaveLength(1);
  });

  it('lacks Secrets that nobody can open, says so, and does not pass for the whole one', async () => {
    const made = await bringIn(blind, 'prod');
    expect(made).toMatchObject({ objects: 3, made: true, backup: expect.stringMatching(/-without-secrets$/) });
    expect(made.warnings).toContainEqual(
      expect.objectContaining({ code: 'SecretLeftOut', message: expect.stringContaining('shop/secrets/key.yaml.age') }),
    );
  });

  it('can be any commit, by id, branch or distance; what there is not is said', async () => {
    expect(await bringIn(able, 'HEAD~4')).toMatchObject({ objects: 2, warnings: [] });
    for (const odd of ['nope', '--all', 'HEAD:README', '']) {
      await expect(bringIn(able, odd)).rejects.toMatchObject({
        type: 'NotFound',
        message: expect.stringContaining(`there is no commit "${odd}"`),
      });
    }
  });

  it('has a history that shows no value of a Secret, not even of one that somebody has written plainly', async () => {
    const plain = (value: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: { name: open, namespace: shop }\nstringData: { p: ${value} }\n`;
    await bare.commitFile('prod', 'shop/secrets/open.yaml', plain(`${secret}-1`));
    await bare.commitFile('prod', 'shop/secrets/open.yaml', plain(`${secret}-2`));
    await bare.commitFile('prod', 'shop/secrets/open.yaml', undefined);
    const history = await objectHistory(able.remote, { cluster: 'prod', kind: 'secret', name: 'open', namespace: 'shop' }, pulse.signal);
    expect(history.commits.map(({ what, fields }) => [what, fields])).toEqual([
      ['deleted', []],
      ['changed', []],
      ['created', []],
    ]);
    expect(findCanaries('history', Buffer.from(JSON.stringify(history)), [secret])).toEqual([]);
  });
});
