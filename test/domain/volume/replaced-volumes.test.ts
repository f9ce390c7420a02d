import { describe, expect, it } from '@jest/globals';
import type { QuiesceTask } from '../../../contracts/quiesce.ts';
import type { PlannedVolume } from '../../../contracts/volume.ts';
import { withoutReplaced } from '../../../domain/volume/replaced-volumes.ts';

const volume = (claim: string, more: Partial<PlannedVolume> = {}): PlannedVolume => ({
  namespace: 'shop',
  claim,
  volume: `pv-${claim}`,
  storageClass: '',
  driver: '',
  capacityBytes: 1,
  accessModes: [],
  volumeMode: 'Filesystem',
  method: 'file-system',
  reason: 'by default',
  source: { kind: 'folder', path: '/x' },
  pods: [],
  ...more,
});
const task = (namespace: string, replaces: readonly string[]): QuiesceTask => ({
  id: 'postgres/shop/db',
  plugin: 'postgres',
  namespace,
  application: 'db',
  settings: {},
  timeoutSeconds: 1,
  leaseSeconds: 1,
  onError: 'fail',
  claims: [],
  replaces,
  guarantee: 'application',
});

describe('volumes whose content a plugin keeps', () => {
  it('are not read, and say why; others stay as they were planned', () => {
    const volumes = [volume('data', { method: 'data-move', snapshotClass: 'fast' }), volume('logs')];
    const [data, logs] = withoutReplaced(volumes, [task('shop', ['data'])]);
    expect(data).toMatchObject({ claim: 'data', method: 'skip', reason: 'postgres keeps what it holds' });
    expect(data).not.toHaveProperty('source');
    expect(data).not.toHaveProperty('snapshotClass');
    expect(logs).toBe(volumes[1]);
    expect(withoutReplaced(volumes, [task('other', ['data'])])).toEqual(volumes);
  });

  it('are no problem any more when nothing could have read them, and keep the reason for which they are skipped on purpose', () => {
    const { source: _, ...lost } = volume('data', { method: 'skip', reason: 'no mover can reach it', isProblem: true });
    expect(withoutReplaced([lost], [task('shop', ['data'])])[0]).not.toHaveProperty('isProblem');
    const skipped = { ...lost, isProblem: undefined, reason: 'the volume policy says so' } as unknown as PlannedVolume;
    expect(withoutReplaced([skipped], [task('shop', ['data'])])).toEqual([skipped]);
  });
});
