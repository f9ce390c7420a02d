import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../contracts/json.ts';
import type { VolumeConditions, VolumeMethod, VolumeSource } from '../../../contracts/volume.ts';
import { parseQuantity } from '../../../domain/resource/quantity.ts';
import { planVolume, type VolumeSurroundings } from '../../../domain/volume/plan-volume.ts';
import { podsByClaim } from '../../../domain/volume/pods-by-claim.ts';
import { ruleFor } from '../../../domain/volume/policy.ts';
import { snapshotClasses } from '../../../domain/volume/snapshot-classes.ts';
import { volumeFacts, type VolumeFacts } from '../../../domain/volume/volume-facts.ts';

const CLAIM: JsonObject = {
  metadata: { namespace: 'shop', name: 'data', labels: { tier: 'gold' } },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', volumeName: 'pv-1', resources: { requests: { storage: '10Gi' } } },
  status: { phase: 'Bound', capacity: { storage: '10Gi' } },
};
const CSI: JsonObject = {
  metadata: { name: 'pv-1' },
  spec: {
    capacity: { storage: '12Gi' },
    csi: { driver: 'disk.example.com', volumeHandle: 'h' },
    claimRef: { name: 'data' },
    nodeAffinity: {},
  },
};
const HOST: JsonObject = { metadata: { name: 'pv-1' }, spec: { capacity: { storage: '1Gi' }, hostPath: { path: '/volumes/data' } } };
const NFS: JsonObject = { metadata: { name: 'pv-1' }, spec: { capacity: { storage: '1Gi' }, nfs: { server: 'files', path: '/a' } } };
const facts = volumeFacts(CLAIM, CSI);

function around(more: Partial<VolumeSurroundings> = {}): VolumeSurroundings {
  return { policy: { rules: [] }, pods: [], snapshotClass: '', reaches: () => true, ...more };
}

function rules(method: VolumeMethod, conditions: VolumeConditions = {}): Pick<VolumeSurroundings, 'policy'> {
  return { policy: { rules: [{ conditions, method }] } };
}

describe('the facts of a volume', () => {
  it('come from the claim and its volume', () => {
    expect(facts).toEqual({
      namespace: 'shop',
      claim: 'data',
      claimLabels: { tier: 'gold' },
      claimPhase: 'Bound',
      volume: 'pv-1',
      storageClass: 'fast',
      volumeType: 'csi',
      driver: 'disk.example.com',
      capacityBytes: 12 * 1024 ** 3,
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      nfs: { server: '', path: '' },
      folder: '',
    });
    expect(volumeFacts(CLAIM, HOST)).toMatchObject({ volumeType: 'hostPath', folder: '/volumes/data', driver: '' });
    expect(volumeFacts(CLAIM, undefined)).toMatchObject({ volumeType: '', capacityBytes: 10 * 1024 ** 3 });
  });

  it('include the pods that mount the claim and have not ended', () => {
    const pod = (name: string, phase: string, claim: string, nodeName = 'n1'): JsonObject => ({
      metadata: { namespace: 'shop', name },
      spec: {
        nodeName,
        volumes: [
          { name: 'v', persistentVolumeClaim: { claimName: claim } },
          { name: 'w', emptyDir: {} },
        ],
      },
      status: { phase },
    });
    const pods = podsByClaim([
      pod('b', 'Running', 'data'),
      pod('a', 'Pending', 'data', 'n2'),
      pod('c', 'Succeeded', 'data'),
      pod('d', 'Running', 'x'),
    ]);
    expect(pods.get('shop/data')).toEqual([
      { name: 'a', node: 'n2', owner: 'a' },
      { name: 'b', node: 'n1', owner: 'b' },
    ]);
  });
});

describe('quantities', () => {
  it.each([
    ['10Gi', 10 * 1024 ** 3],
    ['1.5G', 1_500_000_000],
    ['128974848', 128_974_848],
    ['129e6', 129_000_000],
    ['123Mi', 123 * 1024 ** 2],
    ['100m', 1],
    ['2k', 2_000],
    ['1Ei', 1024 ** 6],
  ])('%s', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes);
  });

  it.each(['', 'Gi', '10 Gi', '10gi', 'ten', '1.2.3'])('"%s" is none', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });
});

describe('a volume policy', () => {
  const holds: readonly (readonly [VolumeConditions, boolean])[] = [
    [{}, true],
    [{ storageClass: ['slow', 'fast'] }, true],
    [{ storageClass: ['slow'] }, false],
    [{ driver: ['disk.example.com'] }, true],
    [{ driver: ['other'] }, false],
    [{ capacity: { min: 12 * 1024 ** 3, max: 12 * 1024 ** 3 } }, true],
    [{ capacity: { max: 11 * 1024 ** 3 } }, false],
    [{ capacity: { min: 13 * 1024 ** 3 } }, false],
    [{ claimLabels: { tier: 'gold' } }, true],
    [{ claimLabels: { tier: 'gold', other: 'x' } }, false],
    [{ claimLabels: { constructor: 'x' } }, false],
    [{ volumeTypes: ['nfs', 'csi'] }, true],
    [{ volumeTypes: ['nfs'] }, false],
    [{ accessModes: ['ReadWriteMany', 'ReadWriteOnce'] }, true],
    [{ accessModes: ['ReadWriteMany'] }, false],
    [{ volumeMode: 'Block' }, false],
    [{ claimPhase: ['Pending'] }, false],
    [{ nfs: {} }, false],
    [{ storageClass: ['fast'], driver: ['other'] }, false],
  ];
  it.each(holds)('%j holds: %s', (conditions, expected) => {
    expect(ruleFor(facts, rules('skip', conditions).policy) !== undefined).toBe(expected);
  });

  it('knows NFS servers and paths', () => {
    const share = volumeFacts(CLAIM, NFS);
    expect(ruleFor(share, rules('skip', { nfs: {} }).policy)).toBeDefined();
    expect(ruleFor(share, rules('skip', { nfs: { server: 'files', path: '/a' } }).policy)).toBeDefined();
    expect(ruleFor(share, rules('skip', { nfs: { server: 'others' } }).policy)).toBeUndefined();
  });

  it('is decided by the first rule that holds', () => {
    const policy = {
      rules: [
        { conditions: { storageClass: ['slow'] }, method: 'skip' as const },
        { conditions: {}, method: 'file-system' as const },
        { conditions: {}, method: 'skip' as const },
      ],
    };
    expect(ruleFor(facts, policy)?.method).toBe('file-system');
  });
});

describe('the plan of a volume', () => {
  it('moves data out of a snapshot where the driver has one, and reads the live volume elsewhere', () => {
    expect(planVolume(facts, around({ snapshotClass: 'snap' }))).toMatchObject({
      method: 'data-move',
      snapshotClass: 'snap',
      reason: 'by default',
    });
    const pods = [{ name: 'db-0', node: 'n1' }];
    expect(planVolume(facts, around({ pods }))).toMatchObject({
      method: 'file-system',
      source: { kind: 'claim', namespace: 'shop', claim: 'data', node: 'n1' },
      pods: ['db-0'],
    });
  });

  it('prefers a folder that a local mover may read', () => {
    expect(planVolume(volumeFacts(CLAIM, HOST), around()).source).toEqual({ kind: 'folder', path: '/volumes/data' });
    const reaches = (source: VolumeSource) => source.kind === 'claim';
    expect(planVolume(volumeFacts(CLAIM, HOST), around({ reaches })).source).toMatchObject({ kind: 'claim' });
  });

  it('keeps the snapshot only when asked to', () => {
    expect(planVolume(facts, around({ ...rules('csi-snapshot'), snapshotClass: 'snap' }))).toMatchObject({ method: 'csi-snapshot' });
    expect(planVolume(facts, around({ ...rules('file-system'), snapshotClass: 'snap' }))).toMatchObject({ method: 'file-system' });
  });

  it('says what it cannot do, as a problem, and what it need not do, as none', () => {
    const unbound: VolumeFacts = { ...facts, volume: '', volumeType: '' };
    expect(planVolume(unbound, around())).toMatchObject({ method: 'skip', reason: 'the claim has no volume yet' });
    expect(planVolume(unbound, around()).isProblem).toBeUndefined();
    expect(planVolume(facts, around(rules('skip'))).isProblem).toBeUndefined();
    expect(planVolume(facts, around(rules('data-move')))).toMatchObject({
      method: 'skip',
      isProblem: true,
      reason: expect.stringContaining('no VolumeSnapshotClass for the driver disk.example.com'),
    });
    expect(planVolume(volumeFacts(CLAIM, HOST), around({ reaches: () => false }))).toMatchObject({
      method: 'skip',
      isProblem: true,
      reason: expect.stringContaining('/volumes/data'),
    });
  });

  it('never plans to read what no mover reaches', () => {
    const method = fc.constantFrom<VolumeMethod | undefined>('csi-snapshot', 'data-move', 'file-system', 'skip', undefined);
    fc.assert(
      fc.property(method, fc.constantFrom(CSI, HOST, NFS), fc.constantFrom('', 'snap'), (asked, volume, snapshotClass) => {
        const policy = asked === undefined ? {} : rules(asked);
        const planned = planVolume(volumeFacts(CLAIM, volume), around({ ...policy, snapshotClass, reaches: () => false }));
        expect(planned.source).toBeUndefined();
        expect(planned.method).not.toBe('file-system');
        if (planned.method === 'csi-snapshot' || planned.method === 'data-move') expect(planned.snapshotClass).toBe('snap');
      }),
    );
  });
});

it('takes the marked snapshot class of a driver, else its default, else the first', () => {
  const of = (name: string, driver: string, metadata: JsonObject = {}): JsonObject => ({ metadata: { name, ...metadata }, driver });
  const isDefault = { annotations: { 'snapshot.storage.kubernetes.io/is-default-class': 'true' } };
  const marked = { labels: { 'velero.io/csi-volumesnapshot-class': 'true' } };
  const classes = [
    of('c', 'x'),
    of('b', 'x', isDefault),
    of('z', 'x', marked),
    of('e', 'y', isDefault),
    of('d', 'y'),
    of('g', 'w'),
    of('f', 'w'),
  ];
  expect(Object.fromEntries(snapshotClasses(classes))).toEqual({ x: 'z', y: 'e', w: 'f' });
});
