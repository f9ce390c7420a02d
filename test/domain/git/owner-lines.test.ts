import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { JsonObject } from '../../../contracts/json.ts';
import { lastingOwners } from '../../../domain/git/owner-lines.ts';
import { manifestText, readManifest } from '../../../domain/git/manifest-text.ts';

const WIDGET = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'one', controller: true };
const SET = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db' };
const owned = (ownerReferences: readonly JsonObject[]): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'shop', ownerReferences },
});

describe('the owners of an object in Git', () => {
  it('are the same text in every cluster, in any order', () => {
    const there = [
      { ...WIDGET, uid: 'u1' },
      { ...SET, uid: 'u2' },
    ];
    const here = [
      { ...SET, uid: 'u8' },
      { ...WIDGET, uid: 'u9' },
    ];
    expect(lastingOwners(owned(there))).toEqual([SET, WIDGET]);
    expect(lastingOwners(owned(here))).toEqual([SET, WIDGET]);
  });

  it('are comments, so that the manifest can be applied, and come back from them', () => {
    const text = manifestText(owned([WIDGET, SET]));
    expect(text).toBe(
      '# ownerReference: {"apiVersion":"example.com/v1","kind":"Widget","name":"one","controller":true}\n' +
        '# ownerReference: {"apiVersion":"apps/v1","kind":"StatefulSet","name":"db"}\n' +
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: shop\n',
    );
    expect(parse(text)).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } });
    expect(readManifest(text)).toEqual(owned([WIDGET, SET]));
  });

  it.each(['a\nkind: Secret', 'a\u2028kind: Secret', 'a\u0085kind: Secret', '💾'])(
    'may be called %j without ending the comment',
    (name) => {
      const text = manifestText(owned([{ ...SET, name }]));
      expect(text.split(/[\n\u2028\u0085]/)).toHaveLength(7);
      expect(readManifest(text)).toEqual(owned([{ ...SET, name }]));
    },
  );

  it.each([
    '# ownerReference: {"kind":"Widget"}',
    '# ownerReference: {"apiVersion":"v1","kind":"A","name":"b","uid":"u"}',
    '# ownerReference: {"apiVersion":"v1","kind":"A","name":"b","controller":"yes"}',
    '# ownerReference: [',
    '# ownerReference: "a"',
    '# ours',
  ])('are not what somebody else has written: %s', (line) => {
    const { ownerReferences: _, ...metadata } = owned([])['metadata'] as JsonObject;
    expect(readManifest(`${line}\nmetadata: { name: a, namespace: shop }\n`)).toEqual({ metadata });
  });

  it('that are written into the manifest itself are those', () => {
    const own = { ...SET, uid: 'u' };
    expect(readManifest(manifestText(owned([own])))).toEqual(owned([own]));
    expect(readManifest(`# ownerReference: ${JSON.stringify(WIDGET)}\n${manifestText(owned([own]))}`)).toEqual(owned([own]));
  });
});
