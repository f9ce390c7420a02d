import { describe, expect, it } from '@jest/globals';
import { SELECT_ALL, type Selection } from '../../../contracts/selection.ts';
import { filePath, objectFileOf } from '../../../domain/git/file-path.ts';
import { namedChanges } from '../../../domain/git/named-changes.ts';
import { orphanedReleaseFiles, ReleaseFile, releaseFileOf, releasePath, releaseTexts } from '../../../domain/git/release-files.ts';
import { decodeRecord } from '../../../helm/decode-record.ts';
import { record, releaseDocument } from '../../support/helm-records.ts';

const WEB = { namespace: 'shop', name: 'web' };
const KIND = { group: '', version: 'v1', kind: '_helm', resource: '_helm', namespaced: true };

describe('the files of a Helm release', () => {
  it.each(Object.values(ReleaseFile).flatMap((file) => [false, true].map((sealed) => [file, sealed] as const)))(
    'have paths that no object has: %s, encrypted: %s',
    (file, sealed) => {
      const path = releasePath(WEB, file, sealed);
      expect(path).toBe(`shop/_helm/web/${file}${sealed ? '.age' : ''}`);
      expect(releaseFileOf(path)).toEqual({ ...WEB, file, sealed });
      expect(objectFileOf(path)).toBeUndefined();
    },
  );

  it('are no files of a kind that is called so, and no files that somebody else put there', () => {
    const path = filePath({ type: KIND, namespace: 'shop', name: 'web/values' });
    expect(path).toBe('shop/%5fhelm/web%2fvalues.yaml');
    for (const other of [
      path,
      'shop/_helm/web/README.md',
      'shop/_helm/values.yaml',
      'shop/_helm/Web/values.yaml',
      '_helm/web/values.yaml',
      'a/b/c/values.yaml',
    ])
      expect(releaseFileOf(other)).toBeUndefined();
  });

  it('tell nothing that every upgrade changes', () => {
    const texts = (revision: number, at: string) => {
      const info = { status: 'deployed', description: at, last_deployed: at, notes: at };
      return releaseTexts(decodeRecord(record(releaseDocument({ version: revision, info }), { revision })), (values) => values);
    };
    expect(texts(1, '2026-01-01T00:00:00Z')).toEqual(texts(7, '2026-02-02T00:00:00Z'));
    expect(texts(1, '')).toEqual({
      'release.yaml': 'appVersion: "2.0"\nchart: web\nname: web\nnamespace: shop\nversion: 1.2.3\n',
      'values.yaml': 'count: 3\n',
      'computed-values.yaml': 'count: 3\n',
    });
  });
});

describe('the files of releases that a sync deletes', () => {
  const [gone, kept, other] = ['gone', 'kept']
    .map((name) => releasePath({ namespace: 'shop', name }, ReleaseFile.Values))
    .concat('pay/_helm/gone/release.yaml');
  const deleted = (selection: Partial<Selection>) =>
    orphanedReleaseFiles([gone!, kept!, other!, 'shop/configmaps/a.yaml'], new Set([kept!]), [SELECT_ALL, { ...SELECT_ALL, ...selection }]);

  it('are those of the selected namespaces', () => {
    expect(deleted({})).toEqual([gone, other]);
    expect(deleted({ includedNamespaces: ['shop'] })).toEqual([gone]);
    expect(deleted({ excludedNamespaces: ['shop'] })).toEqual([other]);
  });

  it.each<[string, Partial<Selection>]>([
    ['no Secrets', { excludedResources: ['secrets'] }],
    ['no ConfigMaps', { includedResources: ['secrets'] }],
    ['neither', { includedResources: ['deployments'] }],
    ['what bears a label', { labelSelector: 'owner=helm' }],
    ['single objects', { objects: ['secrets/shop/x'] }],
  ])('are none when the selection takes %s: it has not seen every record', (_what, selection) => {
    expect(deleted(selection)).toEqual([]);
  });
});

describe('what a commit says of a release', () => {
  const [chart, values] = [releasePath(WEB, ReleaseFile.Chart), releasePath(WEB, ReleaseFile.Values)];
  const sealed = releasePath(WEB, ReleaseFile.Values, true);
  const all = (...paths: string[]) => new Map(paths.map((path) => [path, '1']));
  it.each<[string, string[], Map<string, string>, Map<string, string>]>([
    ['created', [chart, values], all(), all(chart, values)],
    ['changed', [values], all(chart, values), all(chart, values)],
    ['changed', [values, sealed], all(chart, values), all(chart, sealed)],
    ['deleted', [chart, values], all(chart, values), all()],
  ])('is one line: %s', (fate, paths, head, wanted) => {
    expect(namedChanges(paths, { head, wanted }, [])).toEqual([{ fate, kind: 'release', namespace: 'shop', name: 'web' }]);
  });
});
