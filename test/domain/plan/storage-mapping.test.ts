import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { changeStorage, isLeftBehind, storageProblems } from '../../../domain/plan/storage-mapping.ts';
import { deepFreeze, kind, object } from '../fixtures.ts';

const CLAIM = kind('persistentvolumeclaims');
const VOLUME = kind('persistentvolumes');
const claim = (spec: JsonObject, metadata: JsonObject = {}) =>
  deepFreeze(object({ spec: { resources: { requests: { storage: '1Gi' } }, volumeName: 'pv1', ...spec } }, { name: 'data', ...metadata }));
const volume = (spec: JsonObject) => object({ spec: { claimRef: { namespace: 'shop', name: 'data' }, ...spec } }, { name: 'pv1' }, '');

describe('another storage class', () => {
  const options = { storageClassMapping: { slow: 'fast' } };

  it('is given to the claims of the old one, which get a new volume', () => {
    const changed = changeStorage(claim({ storageClassName: 'slow' }), CLAIM, options);
    expect(changed['spec']).toStrictEqual({ resources: { requests: { storage: '1Gi' } }, storageClassName: 'fast' });
    expect(isLeftBehind(volume({ storageClassName: 'slow' }), VOLUME, options)).toBe(true);
  });

  it('is written where the claim has it as an annotation, too', () => {
    const annotated = claim({}, { annotations: { 'volume.beta.kubernetes.io/storage-class': 'slow' } });
    expect(changeStorage(annotated, CLAIM, options)['metadata']).toMatchObject({
      annotations: { 'volume.beta.kubernetes.io/storage-class': 'fast' },
    });
  });

  it('is given to the claim templates of a StatefulSet', () => {
    const set = object({
      spec: { volumeClaimTemplates: [{ spec: { storageClassName: 'slow' } }, { spec: { storageClassName: 'other' } }] },
    });
    expect(changeStorage(set, kind('statefulsets.apps'), options)['spec']).toStrictEqual({
      volumeClaimTemplates: [{ spec: { storageClassName: 'fast' } }, { spec: { storageClassName: 'other' } }],
    });
  });

  it.each([{ storageClassName: 'other' }, {}, { storageClassName: 'constructor' }])('changes nothing else: %j', (spec) => {
    const untouched = claim(spec);
    expect(changeStorage(untouched, CLAIM, options)).toBe(untouched);
    expect(isLeftBehind(volume(spec), VOLUME, options)).toBe(false);
  });

  it('leaves volumes that no claim has', () => {
    expect(isLeftBehind(volume({ storageClassName: 'slow', claimRef: {} }), VOLUME, options)).toBe(false);
    expect(isLeftBehind(claim({ storageClassName: 'slow' }), CLAIM, options)).toBe(false);
  });
});

describe('another size', () => {
  const options = { volumeSizes: { 'shop/data': '20Gi' } };

  it('is given to the one claim that it names, as it was captured', () => {
    expect(changeStorage(claim({}), CLAIM, options)['spec']).toStrictEqual({ resources: { requests: { storage: '20Gi' } } });
    expect(isLeftBehind(volume({}), VOLUME, options)).toBe(true);
    const other = claim({}, { name: 'other' });
    expect(changeStorage(other, CLAIM, options)).toBe(other);
    expect(isLeftBehind(volume({ claimRef: { namespace: 'shop', name: 'other' } }), VOLUME, options)).toBe(false);
  });
});

describe('what cannot be asked for', () => {
  it.each([
    [{ storageClassMapping: { slow: 'F AST' } }, 'storage class mapping slow:F AST: "F AST" is no storage class'],
    [{ volumeSizes: { data: '1Gi' } }, 'volume size of data: name the claim as namespace/claim, as it was captured'],
    [{ volumeSizes: { 'shop/data': 'much' } }, 'volume size of shop/data: "much" is no size such as 20Gi'],
    [{ volumeSizes: { 'shop/data': '0' } }, 'volume size of shop/data: "0" is no size such as 20Gi'],
  ])('is told in one line: %j', (options, problem) => {
    expect(storageProblems(options)).toStrictEqual([problem]);
  });

  it('nothing', () => {
    expect(storageProblems({ storageClassMapping: { slow: 'fast.ssd' }, volumeSizes: { 'shop/data': '20Gi' } })).toStrictEqual([]);
  });
});
