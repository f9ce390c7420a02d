import type { CaptureEtcdInput } from '../contracts/etcd.ts';
import type { EtcdActivities } from '../contracts/etcd-backup.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { captureEtcd } from './etcd/capture-etcd.ts';
import { controlPlaneFiles, type ControlPlaneFiles } from './etcd/control-plane-files.ts';
import { planEtcdBackup } from './etcd/plan-etcd-backup.ts';
import { withPulse, type Pulse } from './heartbeat.ts';

export function etcdActivities(dependencies: ActivityDependencies): EtcdActivities {
  return {
    planEtcdBackup: (input) => withPulse(async ({ signal }) => planEtcdBackup(dependencies, input, signal)),
    captureEtcd: (input) =>
      withPulse(async (pulse) => {
        const repository = await dependencies.repository(input.location);
        const files = input.controlPlaneFiles === true ? await filesOf(dependencies, input, pulse) : undefined;
        const etcd = await dependencies.etcd(input.cluster, input.access);
        try {
          return await captureEtcd({ etcd, repository, pulse, ...(files ? { files } : {}) });
        } finally {
          etcd.close();
        }
      }),
  };
}

async function filesOf(
  dependencies: Pick<ActivityDependencies, 'cluster' | 'nodeFiles' | 'controlPlaneFolders'>,
  { cluster, runId }: CaptureEtcdInput,
  { signal }: Pulse,
): Promise<ControlPlaneFiles> {
  const connected = await dependencies.cluster(cluster);
  const nodeFiles = await dependencies.nodeFiles(cluster);
  const folders = dependencies.controlPlaneFolders(cluster);
  return controlPlaneFiles({ cluster: connected, nodeFiles, runId, signal, ...(folders ? { folders } : {}) });
}
