import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readVolumePolicy } from '../../cli/volumes/policy-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-policy-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function read(text: string) {
  const file = join(folder, 'policy.yaml');
  await writeFile(file, text);
  return readVolumePolicy(file);
}

const VELERO = `
version: v1
volumePolicies:
  - conditions:
      capacity: "0,100Gi"
      csi:
        driver: ebs.csi.aws.com
      storageClass:
        - gp2
        - ebs-sc
    action:
      type: skip
  - conditions:
      csi: {}
    action:
      type: snapshot
  - conditions:
      nfs: {}
    action:
      type: skip
  - conditions:
      nfs:
        server: 192.168.200.90
        path: /mnt/data
      pvcLabels: {environment: production}
      pvcPhase: [Bound]
    action:
      type: fs-backup
  - conditions:
      volumeTypes: [hostPath, local]
      accessModes: ReadWriteOnce
      volumeMode: Block
      capacity: "10Gi,"
    action:
      type: data-move
`;

describe('a file of volume policies', () => {
  it('is read as Velero writes it, with our methods beside', async () => {
    const { rules } = await read(VELERO);
    expect(rules).toEqual([
      {
        conditions: {
          capacity: { min: 0, max: 100 * 1024 ** 3 },
          volumeTypes: ['csi'],
          driver: ['ebs.csi.aws.com'],
          storageClass: ['gp2', 'ebs-sc'],
        },
        method: 'skip',
      },
      { conditions: { volumeTypes: ['csi'] }, method: 'csi-snapshot' },
      { conditions: { nfs: {} }, method: 'skip' },
      {
        conditions: {
          nfs: { server: '192.168.200.90', path: '/mnt/data' },
          claimLabels: { environment: 'production' },
          claimPhase: ['Bound'],
        },
        method: 'file-system',
      },
      {
        conditions: {
          volumeTypes: ['hostPath', 'local'],
          accessModes: ['ReadWriteOnce'],
          volumeMode: 'Block',
          capacity: { min: 10 * 1024 ** 3 },
        },
        method: 'data-move',
      },
    ]);
  });

  it('may come in the ConfigMap that Velero keeps it in', async () => {
    const map = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { 'policy.yaml': VELERO } });
    expect(await read(map)).toEqual(await read(VELERO));
  });

  const rule = (text: string) => `{version: v1, volumePolicies: [${text}]}`;
  it.each([
    ['not YAML', '{', /policy\.yaml: /],
    ['empty', '', /top level/],
    ['another version', '{version: v2, volumePolicies: []}', /version: is not v1/],
    ['unknown action', rule('{conditions: {}, action: {type: custom}}'), /action\.type: is none of .*data-move/],
    ['unknown condition', rule('{conditions: {colour: red}, action: {type: skip}}'), /conditions: .*colour/],
    ['size without a range', rule('{conditions: {capacity: 10Gi}, action: {type: skip}}'), /capacity: "10Gi" is no range/],
    ['range the wrong way round', rule('{conditions: {capacity: "20Gi,10Gi"}, action: {type: skip}}'), /is no range/],
    ['ConfigMap with two keys', '{kind: ConfigMap, data: {a: x, b: y}}', /exactly one key/],
    ['alias bomb', `a: &a [x,x]\nb: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n`, /policy\.yaml: /],
  ])('is refused in one line: %s', async (_what, text, message) => {
    await expect(read(text)).rejects.toMatchObject({ type: 'BadInput', message: expect.stringMatching(message) });
    await expect(read(text)).rejects.toMatchObject({ message: expect.not.stringContaining('\n') });
  });

  it('that is not there is refused', async () => {
    await expect(readVolumePolicy(join(folder, 'none.yaml'))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('ENOENT'),
    });
  });
});
