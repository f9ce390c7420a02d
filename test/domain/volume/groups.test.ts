import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PlannedVolume, VolumeMethod } from '../../../contracts/volume.ts';
import { volumeGroups } from '../../../domain/volume/groups.ts';

interface Facts {
  readonly namespace: string;
  readonly claim: string;
  readonly driver: string;
  readonly method: VolumeMethod;
  readonly label: string;
  readonly owners: readonly string[];
}

const DATABASE: Facts = { namespace: 'a', claim: 'data', driver: 'd', method: 'data-move', label: '', owners: ['db'] };

function planned({ namespace, claim, driver, method }: Facts): PlannedVolume {
  const rest = {
    volume: 'v',
    storageClass: '',
    capacityBytes: 1,
    accessModes: [],
    volumeMode: 'Filesystem',
    reason: '',
    pods: [],
  } as const;
  return { ...rest, namespace, claim, driver, method };
}

function groups(all: readonly Facts[], able: readonly string[] = ['d', 'e']) {
  const facts = new Map(all.map((one) => [`${one.namespace}/${one.claim}`, one]));
  return volumeGroups(all.map(planned), {
    belongingOf: ({ namespace, claim }) => facts.get(`${namespace}/${claim}`) ?? DATABASE,
    groupClassOf: (driver) => (able.includes(driver) ? `class-${driver}` : ''),
  });
}

describe('volumes that are cut together', () => {
  it('are those of one workload, also when its pods share only some', () => {
    const all = [
      DATABASE,
      { ...DATABASE, claim: 'wal' },
      { ...DATABASE, claim: 'alone', owners: ['web'] },
      { ...DATABASE, claim: 'shared', owners: ['db', 'sidecar'] },
      { ...DATABASE, claim: 'temp', owners: ['sidecar'] },
      { ...DATABASE, claim: 'unused', owners: [] },
    ];
    expect(groups(all)).toEqual([{ namespace: 'a', claims: ['data', 'shared', 'temp', 'wal'], snapshotClass: 'class-d' }]);
  });

  it('are those of one label, wherever they are mounted, and then of nothing else', () => {
    const all = [
      { ...DATABASE, label: 'x' },
      { ...DATABASE, claim: 'wal' },
      { ...DATABASE, claim: 'index', label: 'x', owners: [] },
      { ...DATABASE, claim: 'web', owners: ['x'] },
    ];
    expect(groups(all)).toEqual([{ namespace: 'a', claims: ['data', 'index'], snapshotClass: 'class-d' }]);
  });

  it('are of one driver that can, one namespace, and moved out of their snapshots', () => {
    const others: readonly Partial<Facts>[] = [{ driver: 'e' }, { namespace: 'b' }, { method: 'csi-snapshot' }, { method: 'file-system' }];
    for (const other of others) expect(groups([DATABASE, { ...DATABASE, claim: 'wal', ...other }])).toEqual([]);
    expect(groups([DATABASE, { ...DATABASE, claim: 'wal' }], ['e'])).toEqual([]);
  });

  it('are in one group at most, whatever order they come in, with all that they belong to', () => {
    const word = fc.constantFrom('p', 'q', 'r');
    const fact = fc.record({
      namespace: fc.constantFrom('a', 'b'),
      claim: fc.stringMatching(/^[a-z]{3,6}$/),
      driver: fc.constantFrom('d', 'e', 'f'),
      method: fc.constantFrom<VolumeMethod>('data-move', 'csi-snapshot'),
      label: fc.oneof(fc.constant(''), word),
      owners: fc.uniqueArray(word, { maxLength: 2 }),
    });
    const sorted = (all: ReturnType<typeof groups>) => all.map((group) => JSON.stringify(group)).sort();
    const distinct = fc.uniqueArray(fact, { selector: ({ namespace, claim }) => `${namespace}/${claim}`, maxLength: 12 });
    fc.assert(
      fc.property(distinct, (all) => {
        const found = groups(all);
        expect(sorted(groups(all.toReversed()))).toEqual(sorted(found));
        const groupOf = new Map(found.flatMap((group) => group.claims.map((claim) => [`${group.namespace}/${claim}`, group] as const)));
        expect(groupOf.size).toBe(found.reduce((sum, { claims }) => sum + claims.length, 0));
        for (const one of all) {
          for (const other of all) {
            const isSame = one.namespace === other.namespace && one.driver === other.driver && one.label === other.label;
            const belongs = isSame && (one.label !== '' || one.owners.some((owner) => other.owners.includes(owner)));
            const isAble = [one, other].every(({ method, driver }) => method === 'data-move' && driver !== 'f');
            const group = groupOf.get(`${one.namespace}/${one.claim}`);
            if (one !== other && belongs && isAble) {
              expect(group).toBeDefined();
              expect(groupOf.get(`${other.namespace}/${other.claim}`)).toBe(group);
            }
          }
        }
      }),
    );
  });
});
