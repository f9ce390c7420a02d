import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { canHaveVolume, describeAffinity } from '../../../domain/volume/node-affinity.ts';

const NODE = { metadata: { name: 'n1', labels: { zone: 'a', disks: '4' } } };
const volumeOf = (...nodeSelectorTerms: readonly JsonObject[]): JsonObject => ({
  spec: { nodeAffinity: { required: { nodeSelectorTerms } } },
});
const expression = (key: string, operator: string, ...values: readonly string[]) => ({ key, operator, values });

describe('the nodes of a volume', () => {
  it('are all without an affinity', () => {
    expect(canHaveVolume(NODE, { spec: {} })).toBe(true);
  });

  it.each([
    ['In', ['a', 'b'], true],
    ['In', ['b'], false],
    ['NotIn', ['b'], true],
    ['NotIn', ['a'], false],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
    ['Near', ['a'], false],
  ] as const)('zone %s %j: %s', (operator, values, expected) => {
    expect(canHaveVolume(NODE, volumeOf({ matchExpressions: [expression('zone', operator, ...values)] }))).toBe(expected);
  });

  it('are compared by number with Gt and Lt', () => {
    expect(canHaveVolume(NODE, volumeOf({ matchExpressions: [expression('disks', 'Gt', '3'), expression('disks', 'Lt', '5')] }))).toBe(
      true,
    );
    expect(canHaveVolume(NODE, volumeOf({ matchExpressions: [expression('disks', 'Gt', '4')] }))).toBe(false);
  });

  it('must meet all of one term, and any of the terms', () => {
    const here = expression('zone', 'In', 'a');
    const elsewhere = expression('zone', 'In', 'b');
    expect(canHaveVolume(NODE, volumeOf({ matchExpressions: [here, elsewhere] }))).toBe(false);
    expect(canHaveVolume(NODE, volumeOf({ matchExpressions: [elsewhere] }, { matchExpressions: [here] }))).toBe(true);
    expect(canHaveVolume(NODE, volumeOf({}))).toBe(false);
  });

  it('are named by their field, and shown to people', () => {
    const named = (name: string) => volumeOf({ matchFields: [expression('metadata.name', 'In', name)] });
    expect([canHaveVolume(NODE, named('n1')), canHaveVolume(NODE, named('n2'))]).toEqual([true, false]);
    const volume = volumeOf(
      { matchExpressions: [expression('zone', 'In', 'a', 'b')] },
      { matchFields: [expression('metadata.name', 'In', 'n2')] },
    );
    expect(describeAffinity(volume)).toBe('zone in (a,b) or metadata.name in (n2)');
  });
});
