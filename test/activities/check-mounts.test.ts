import { describe, expect, it } from '@jest/globals';
import { mountProblems } from '../../activities/apply/check-mounts.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { CoveredVolume } from '../../contracts/volume.ts';
import { listingCluster, object } from '../support/fake-cluster.ts';

const SIGNAL = new AbortController().signal;
const NODE = { metadata: { name: 'new-1', labels: { 'kubernetes.io/hostname': 'new-1' } } };
const registered = (...drivers: readonly string[]) => object('new-1', '', { spec: { drivers: drivers.map((name) => ({ name })) } });
const volume = (claim: string, driver: string, storageClass = 'fast'): CoveredVolume => ({
  namespace: 'shop',
  claim,
  volume: `pv-${claim}`,
  storageClass,
  driver,
  capacityBytes: 1,
  accessModes: ['ReadWriteOnce'],
  volumeMode: 'Filesystem',
  method: 'data-move',
});
const local = (hostname: string): JsonObject => ({
  metadata: { name: 'pv-local' },
  spec: {
    claimRef: { namespace: 'shop', name: 'local' },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] }] },
    },
  },
});

interface Live {
  readonly nodes?: readonly JsonObject[];
  readonly csinodes?: readonly JsonObject[];
  readonly storageclasses?: readonly JsonObject[];
  readonly persistentvolumes?: readonly JsonObject[];
  readonly hidden?: string;
}

function problems(volumes: readonly CoveredVolume[], { hidden, ...live }: Live, made: readonly JsonObject[] = []) {
  const cluster = listingCluster(new Map(Object.entries({ nodes: [NODE], ...live })), ({ type }, page) => {
    if (type.resource === hidden) throw new HoldfastError('Forbidden', 'no');
    return page();
  });
  return mountProblems({ cluster, volumes, made }, SIGNAL);
}

describe('volumes that no node could mount', () => {
  it('are those whose storage driver is on no node; one line names the driver and its claims', async () => {
    const many = Array.from({ length: 7 }, (_, index) => volume(`data-${index}`, 'disk.example.com'));
    const found = await problems([...many, volume('other', 'csi.holdfast.dev'), volume('nfs', '')], {
      csinodes: [registered('csi.holdfast.dev')],
    });
    expect(found).toEqual([
      'no node of the cluster has the storage driver disk.example.com, which the volumes of shop/data-0, shop/data-1, shop/data-2, shop/data-3, shop/data-4 and 2 more need',
    ]);
  });

  it('are none where the class is of another driver in this cluster', async () => {
    const storageclasses = [object('fast', '', { provisioner: 'csi.holdfast.dev' })];
    expect(await problems([volume('data', 'disk.example.com')], { csinodes: [registered('csi.holdfast.dev')], storageclasses })).toEqual(
      [],
    );
    const same = [object('fast', '', { provisioner: 'disk.example.com' })];
    expect(await problems([volume('data', 'disk.example.com')], { csinodes: [registered()], storageclasses: same })).toHaveLength(1);
  });

  it('are those that belong to a node that is not there', async () => {
    const captured = [volume('local', '')];
    expect(await problems(captured, {}, [local('old-1')])).toEqual([
      'volume pv-local of shop/local can only be on nodes with kubernetes.io/hostname in (old-1), and the cluster has none',
    ]);
    expect(await problems(captured, {}, [local('new-1')])).toEqual([]);
    expect(await problems(captured, { persistentvolumes: [local('old-1')] }, [local('old-1')])).toEqual([]);
  });

  it('are not known where the worker may not look, or where nodes come when they are needed', async () => {
    const captured = [volume('data', 'disk.example.com')];
    expect(await problems(captured, { csinodes: [], hidden: 'csinodes' })).toEqual([]);
    expect(await problems(captured, { csinodes: [], hidden: 'nodes' }, [local('old-1')])).toEqual([]);
    expect(await problems(captured, { nodes: [] }, [local('old-1')])).toEqual([]);
    expect(await problems(captured, { csinodes: [] })).toHaveLength(1);
  });
});
