import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import type { VolumeMethod } from '../../contracts/volume.ts';
import { planPostgres } from '../../plugins/postgres/plan.ts';

interface PodOptions {
  /** Mount path by claim. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

function pod({ mounts, annotations = {}, env = {} }: PodOptions): JsonObject {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'db-1', uid: 'u', controller: true };
  return {
    metadata: { name: 'db-1-x', namespace: 'shop', annotations, ownerReferences: [owner] },
    spec: {
      containers: [
        {
          name: 'server',
          image: 'postgres:15',
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })),
        },
      ],
      volumes: Object.keys(mounts).map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    },
    status: { phase: 'Running' },
  };
}

const type = (kind: string) => ({ group: 'apps', version: 'v1', kind, resource: `${kind.toLowerCase()}s`, namespaced: true });
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'db', uid: 'u', controller: true };
const WORKLOADS = [
  { type: type('ReplicaSet'), object: { metadata: { name: 'db-1', namespace: 'shop', ownerReferences: [deployment] } } },
  { type: type('Deployment'), object: { metadata: { name: 'db', namespace: 'shop' } } },
];

function plan(options: PodOptions, methods: Readonly<Record<string, VolumeMethod>> = {}): QuiesceTask {
  const [task] = planPostgres('postgres', { namespace: 'shop', pods: [pod(options)], workloads: WORKLOADS, claims: [], methods });
  if (!task) throw new Error('nothing is planned');
  return task;
}

const DUMP = { 'holdfast.dev/postgres-mode': 'dump' };
const USUAL = '/var/lib/postgresql/data';

describe('the plan for PostgreSQL', () => {
  it('names the workload at the top, by which restored pods are found', () => {
    expect(plan({ mounts: { data: USUAL } }).workload).toEqual({ kind: 'Deployment', name: 'db' });
  });

  it.each<[string, PodOptions, readonly string[] | undefined]>([
    ['where the image has it', { mounts: { data: USUAL, exports: '/exports' } }, ['data']],
    ['above it', { mounts: { data: '/var/lib/postgresql', exports: '/exports' } }, ['data']],
    ['where PGDATA says', { mounts: { data: '/srv', exports: USUAL }, env: { PGDATA: '/srv/pg' } }, ['data']],
    ['in the only claim', { mounts: { data: '/srv' } }, ['data']],
    ['nowhere that is known', { mounts: { data: '/srv', exports: '/exports' } }, undefined],
    ['kept on demand', { mounts: { data: USUAL }, annotations: { 'holdfast.dev/postgres-dump-files': 'keep' } }, undefined],
  ])('a dump takes the place of the data folder, %s', (_, options, replaces) => {
    const task = plan({ ...options, annotations: { ...DUMP, ...options.annotations } });
    expect(task.replaces).toEqual(replaces);
    expect(task.claims).toEqual([]);
  });

  it('takes the place of no files in other modes', () => {
    expect(plan({ mounts: { data: USUAL } })).toMatchObject({ settings: { mode: 'backup-mode' }, claims: ['data'] });
    expect(plan({ mounts: { data: USUAL } })).not.toHaveProperty('replaces');
    expect(plan({ mounts: { data: USUAL } }, { data: 'csi-snapshot' })).toMatchObject({ settings: { mode: 'checkpoint' } });
  });

  it('refuses kept snapshots that need something put back', () => {
    const mounts = { data: USUAL, log: `${USUAL}/pg_wal` };
    expect(() => plan({ mounts }, { data: 'csi-snapshot', log: 'data-move' })).toThrow(/kept snapshot of claim data: use data-move/);
    expect(plan({ mounts }, { data: 'data-move', log: 'data-move' }).settings).toMatchObject({ mode: 'backup-mode' });
  });
});
