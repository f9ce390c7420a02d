import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ResourceType } from '../../../contracts/resource.ts';
import { SELECT_ALL, type Selection } from '../../../contracts/selection.ts';
import { branchOf, branchProblem } from '../../../domain/git/branch-name.ts';
import { filePath, objectFileOf } from '../../../domain/git/file-path.ts';
import { kindFolders } from '../../../domain/git/kind-folders.ts';
import { orphans } from '../../../domain/git/owned-files.ts';

const type = (resource: string, group = '', namespaced = true, kind = 'K'): ResourceType => ({
  group,
  version: 'v1',
  kind,
  resource,
  namespaced,
});
const DEPLOYMENTS = type('deployments', 'apps');
const CONFIG_MAPS = type('configmaps');
const NAMESPACES = type('namespaces', '', false);
const at = (namespace: string, name: string, of = CONFIG_MAPS, sealed = false) => filePath({ type: of, namespace, name }, sealed);

describe('the path of an object', () => {
  it('is namespace, kind and name', () => {
    expect(at('shop', 'web', DEPLOYMENTS)).toBe('shop/deployments.apps/web.yaml');
    expect(at('', 'shop', NAMESPACES)).toBe('_cluster/namespaces/shop.yaml');
    expect(at('shop', 'key', type('secrets'), true)).toBe('shop/secrets/key.yaml.age');
  });

  it.each([
    ['Admin', '%41dmin'],
    ['system:node', 'system%3anode'],
    ['..', '%2e.'],
    ['.git', '%2egit'],
    ['con', '%63on'],
    ['a/../../etc', 'a%2f..%2f..%2fetc'],
    ['ü', '%c3%bc'],
    ['100%', '100%25'],
  ])('writes the name %s as %s', (name, written) => {
    expect(at('shop', name)).toBe(`shop/configmaps/${written}.yaml`);
  });

  it('is of its own for every name, leads nowhere else, fits into file systems, and tells the name', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ minLength: 150, maxLength: 253, unit: fc.constantFrom('a', 'A', '.', '/') }),
    );
    fc.assert(
      fc.property(name, name, (one, other) => {
        const [a, b] = [at('shop', one), at('shop', other)];
        expect(a === a.toLowerCase()).toBe(true);
        expect(a === b).toBe(one === other);
        const pieces = a.split('/');
        expect(pieces.slice(0, 2)).toEqual(['shop', 'configmaps']);
        expect(pieces.every((piece) => piece !== '' && piece !== '.' && piece !== '..' && piece.length <= 255)).toBe(true);
        expect(objectFileOf(a)).toEqual({ namespace: 'shop', group: '', resource: 'configmaps', name: one, sealed: false });
      }),
    );
  });

  it.each([
    'README.md',
    'shop/README.yaml',
    'shop/configmaps/A.yaml',
    'shop/configmaps/a.yml',
    'shop/configmaps/.yaml',
    '.github/workflows/ci.yaml',
    'shop/configmaps/a/b.yaml',
    'shop/configmaps/%zz.yaml',
  ])('is not %s', (path) => {
    expect(objectFileOf(path)).toBeUndefined();
  });
});

describe('the files that a sync deletes', () => {
  const FILES = [
    at('shop', 'gone'),
    at('shop', 'kept'),
    at('pay', 'gone'),
    at('shop', 'gone', DEPLOYMENTS),
    at('shop', 'gone', type('widgets', 'example.com')),
    at('', 'shop', NAMESPACES),
    at('', 'pay', NAMESPACES),
    'shop/notes/a.yaml',
    'README.md',
    'docs/x/y.yaml',
  ];
  const deleted = (selection: Partial<Selection>) =>
    orphans(FILES, new Set([at('shop', 'kept')]), {
      selections: [{ ...SELECT_ALL, ...selection }],
      types: [DEPLOYMENTS, CONFIG_MAPS, NAMESPACES],
    }).map(({ path }) => path);

  it('are all that stand for selected objects which are gone, also of kinds that are gone', () => {
    expect(deleted({})).toEqual(FILES.filter((path) => !/kept|notes|README|docs/.test(path)));
  });

  it('are those of the selected namespaces and kinds only', () => {
    expect(deleted({ includedNamespaces: ['shop'], includedResources: ['configmaps'] })).toEqual([at('shop', 'gone')]);
    expect(deleted({ excludedNamespaces: ['shop'], excludedResources: ['ns'] })).toEqual([at('pay', 'gone')]);
  });

  it('are no objects of the cluster that came along with a namespace, and no other namespace', () => {
    expect(deleted({ includedNamespaces: ['shop'] }).filter((path) => path.startsWith('_cluster'))).toEqual([]);
    expect(deleted({ includedNamespaces: ['shop'], clusterResources: 'include' }).filter((path) => path.startsWith('_cluster'))).toEqual([
      at('', 'shop', NAMESPACES),
    ]);
  });

  it('must be looked into when labels or single objects are selected', () => {
    const of = (selection: Partial<Selection>) =>
      orphans(FILES, new Set(), { selections: [{ ...SELECT_ALL, ...selection }], types: [CONFIG_MAPS] });
    expect(of({}).every(({ needsLook }) => needsLook)).toBe(false);
    expect(of({ labelSelector: 'a=b' }).every(({ needsLook }) => needsLook)).toBe(true);
  });
});

describe('the branch of a cluster', () => {
  it.each([
    ['prod', 'prod'],
    ['admin@kind', 'admin@kind'],
    ['arn:aws:eks:eu-1:1:cluster/x', 'arn%3aaws%3aeks%3aeu-1%3a1%3acluster/x'],
    ['a b~c^d', 'a%20b%7ec%5ed'],
    ['-x', '%2dx'],
    ['a..b', 'a.%2eb'],
    ['x.lock', 'x%2elock'],
    ['HEAD', '%48EAD'],
    ['.x/', '%2ex%2f'],
  ])('%s is %s', (cluster, branch) => {
    expect(branchOf(cluster)).toBe(branch);
    expect(branchProblem(branch)).toBe('');
  });

  it('that a user names must be one', () => {
    expect(branchProblem('a b')).toContain('no name for a branch');
    expect(branchProblem('')).not.toBe('');
  });
});

describe('a kind that the user names', () => {
  it.each(['deployment', 'Deployments', 'deploy', 'deployments.apps', 'deployment.apps'])('%s is deployments.apps', (name) => {
    expect(kindFolders(name, ['deployments.apps', 'configmaps'])[0]).toBe('deployments.apps');
  });

  it('is found without the branch having it, and by the plural of a definition', () => {
    expect(kindFolders('cm', [])).toContain('configmaps');
    expect(kindFolders('ingress', [])).toContain('ingresses.networking.k8s.io');
    expect(kindFolders('networkpolicy', [])).toContain('networkpolicies.networking.k8s.io');
    expect(kindFolders('widget', ['widgets.example.com'])).toContain('widgets.example.com');
    expect(kindFolders('things.example.com', [])).toEqual(['things.example.com']);
  });
});
