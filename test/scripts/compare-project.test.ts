import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { compareNames, compareProject } from '../../scripts/compare-project.ts';

const settings: JsonObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'shop', name: 'settings', labels: { app: 'web' } },
  data: { theme: 'dark' },
};
const owned = (uid?: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    namespace: 'shop',
    name: 'key',
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'settings', ...(uid === undefined ? {} : { uid }) }],
  },
});

/** As lists have them: without type, with what the server adds. */
const live = (manifest: JsonObject, uid = 'uid-1'): JsonObject => {
  const rest = Object.fromEntries(Object.entries(manifest).filter(([key]) => key !== 'apiVersion' && key !== 'kind'));
  return { ...rest, metadata: { ...(manifest['metadata'] as JsonObject), uid, resourceVersion: '7' } };
};

/** A cluster in which each kind has the given objects. */
const cluster = (objects: Readonly<Record<string, readonly JsonObject[]>>) => ({
  all: (manifest: JsonObject) =>
    Promise.resolve(
      new Map((objects[manifest['kind'] as string] ?? []).map((object) => [(object['metadata'] as JsonObject)['name'] as string, object])),
    ),
});

describe('compareProject', () => {
  it('finds no difference in what the server adds of its own', async () => {
    const found = { ConfigMap: [live(settings)], Secret: [live(owned('uid-1'), 'uid-2')] };
    expect(await compareProject(cluster(found), [settings, owned()])).toEqual([]);
  });

  it('finds an object that is missing', async () => {
    expect(await compareProject(cluster({}), [settings])).toEqual(['ConfigMap shop/settings: is missing']);
  });

  it.each<[string, JsonObject, string]>([
    ['a changed value', { ...settings, data: { theme: 'light' } }, '/data/theme'],
    ['a lost key', { ...settings, data: {} }, '/data/theme'],
    ['a key that nobody asked for', { ...settings, data: { theme: 'dark', extra: 'x' } }, '/data/extra'],
    ['lost data', { ...settings, data: null }, '/data'],
    ['a lost label', { ...settings, metadata: { namespace: 'shop', name: 'settings' } }, '/metadata/labels'],
  ])('finds %s', async (_what, changed, path) => {
    expect(await compareProject(cluster({ ConfigMap: [live(changed)] }), [settings])).toEqual([`ConfigMap shop/settings: ${path}`]);
  });

  it('finds an item that a list lacks', async () => {
    const list = { ...settings, data: { list: ['a', 'b'] } };
    const found = { ...settings, data: { list: ['a'] } };
    expect(await compareProject(cluster({ ConfigMap: [live(found)] }), [list])).toEqual(['ConfigMap shop/settings: /data/list']);
  });

  it('tells numbers apart that a double cannot', async () => {
    const number = (text: string) => ({ ...settings, spec: { id: parseLossless(text) } });
    const expected = number('9007199254740993');
    expect(await compareProject(cluster({ ConfigMap: [live(number('9007199254740993'))] }), [expected])).toEqual([]);
    expect(await compareProject(cluster({ ConfigMap: [live(number('9007199254740992'))] }), [expected])).toHaveLength(1);
  });

  it('takes stringData for the data that it becomes', async () => {
    const secret: JsonObject = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name: 'key' }, stringData: { a: 'ü' } };
    const stored = (data: JsonObject) => live({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name: 'key' }, data });
    expect(await compareProject(cluster({ Secret: [stored({ a: 'w7w=' })] }), [secret])).toEqual([]);
    expect(await compareProject(cluster({ Secret: [stored({ a: 'dQ==' })] }), [secret])).toEqual(['Secret shop/key: /data/a']);
  });

  it.each([
    ['bears the uid of another owner', owned('uid-of-the-old-cluster'), 'owner ConfigMap settings is not linked'],
    ['lost its owner references', { ...owned(), metadata: { namespace: 'shop', name: 'key' } }, '/metadata/ownerReferences'],
  ])('finds an object that %s', async (_what, object, difference) => {
    const found = { ConfigMap: [live(settings)], Secret: [live(object, 'uid-2')] };
    expect(await compareProject(cluster(found), [owned()])).toEqual([`Secret shop/key: ${difference}`]);
  });
});

describe('compareNames', () => {
  it('names what is missing and what is new', () => {
    expect(compareNames('Service', ['a', 'b'], ['b', 'c'])).toEqual([
      'Service a: was there before and is missing',
      'Service c: was not there before',
    ]);
    expect(compareNames('Service', ['a'], ['a'])).toEqual([]);
  });
});
