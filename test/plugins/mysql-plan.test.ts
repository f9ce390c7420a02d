import { describe, expect, it } from '@jest/globals';
import type { VolumeMethod } from '../../contracts/volume.ts';
import { planQuiesce, quiescePlugins } from '../../plugins/registry.ts';
import { pod } from '../support/plugin-context.ts';

interface Database {
  readonly image?: string;
  readonly method?: VolumeMethod;
  readonly annotations?: Record<string, string>;
  readonly mountPath?: string;
}

function plan({ image = 'mariadb:11', method = 'file-system', annotations = {}, mountPath = '/var/lib/mysql' }: Database) {
  const database = pod('db-0', { image, annotations, mountPath });
  const subject = { namespace: 'shop', pods: [database], workloads: [], claims: [], methods: { data: method } };
  return planQuiesce([subject], { plugins: quiescePlugins(), detect: true });
}

describe('the plan for MySQL and MariaDB', () => {
  it.each(['mysql:8.4', 'docker.io/library/mariadb:11', 'percona/percona-server:8.0', 'container-registry.oracle.com/mysql/mysql-server'])(
    'knows the image %s',
    (image) => {
      expect(plan({ image }).tasks.map(({ id }) => id)).toEqual(['mysql/shop/db-0']);
    },
  );

  it.each<[VolumeMethod, string]>([
    ['csi-snapshot', 'lock'],
    ['data-move', 'lock'],
    ['file-system', 'dump'],
  ])('a volume that is captured by %s needs the mode %s', (method, mode) => {
    const [task] = plan({ method }).tasks;
    expect(task?.settings['mode']).toBe(mode);
    expect(task).toMatchObject(
      mode === 'lock'
        ? { claims: ['data'], guarantee: 'crash' }
        : { claims: [], replaces: ['data'], guarantee: 'application', timeoutSeconds: 21_600 },
    );
  });

  it('never trusts a lock with files that are copied while InnoDB writes', () => {
    const { tasks, problems } = plan({ annotations: { 'holdfast.dev/mysql-mode': 'lock' } });
    expect(tasks).toEqual([]);
    expect(problems).toEqual([expect.objectContaining({ message: expect.stringMatching(/InnoDB writes behind the lock; use dump/) })]);
  });

  it('has nothing to do without data in claims, and finds it where an annotation says', () => {
    expect(plan({ mountPath: '/elsewhere' }).tasks).toEqual([]);
    expect(plan({ mountPath: '/elsewhere', annotations: { 'holdfast.dev/mysql-data-path': '/elsewhere/mysql' } }).tasks).toHaveLength(1);
  });
});
