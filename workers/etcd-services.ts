import type { ActivityDependencies } from '../activities/dependencies.ts';
import { surveyMembers } from '../activities/etcd/survey-members.ts';
import type { CapturedEtcd, EtcdAccess } from '../contracts/etcd.ts';
import { HoldfastError } from '../contracts/failures.ts';
import type { RestoredEtcd, RestoreEtcdRequest } from '../etcd/restore-snapshot.ts';
import type { Repository } from '../repository/repository.ts';
import type { Configuration } from './configuration.ts';

export type { RestoredEtcd } from '../etcd/restore-snapshot.ts';

/** What etcd needs. */
export interface EtcdServices extends Pick<ActivityDependencies, 'etcd' | 'controlPlaneFolders'> {
  /** Resolves when one endpoint at least answers; rejects with all reasons otherwise. */
  checkEtcd(cluster: string, access?: EtcdAccess): Promise<void>;
  /** Makes data directories from the snapshot of a backup. */
  restoreEtcd(request: EtcdRestoration): Promise<RestoredEtcd>;
}

/** Of a backup in a location. Without `etcdutl`, the one of Holdfast's own tools. */
interface EtcdRestoration extends Omit<RestoreEtcdRequest, 'snapshot' | 'etcdutl'> {
  readonly location: string;
  readonly captured: CapturedEtcd;
  readonly etcdutl?: string;
}

interface Parts {
  readonly configuration: Configuration;
  readonly repository: (location: string) => Promise<Repository>;
}

export function etcdServices({ configuration, repository }: Parts): EtcdServices {
  const etcd: EtcdServices['etcd'] = async (cluster, access) => {
    const { openEtcd } = await import('../etcd/etcd-client.ts');
    const { etcdSettings } = await import('./etcd-settings.ts');
    return openEtcd(await etcdSettings({ cluster, access, clusters: configuration.clusters, environment: process.env }));
  };
  return {
    etcd,
    controlPlaneFolders: (cluster) => configuration.clusters?.[cluster]?.controlPlaneFiles,
    checkEtcd: async (cluster, access) => {
      const opened = await etcd(cluster, access);
      try {
        const { fit, unfit, failures } = await surveyMembers(opened, opened.endpoints);
        const [first, ...more] = failures;
        if (fit.length > 0 || unfit.length > 0 || !first) return;
        if (more.length === 0) throw first;
        throw new HoldfastError(first.type, failures.map(({ message }) => message).join('; '), { advice: first.advice, cause: first });
      } finally {
        opened.close();
      }
    },
    restoreEtcd: async ({ location, captured, etcdutl, ...request }) => {
      const { restoreSnapshot } = await import('../etcd/restore-snapshot.ts');
      const { readStream } = await import('../repository/read-stream.ts');
      const opened = await repository(location);
      return restoreSnapshot({
        ...request,
        etcdutl: etcdutl ?? (await ownEtcdutl()),
        snapshot: { facts: captured, content: readStream(opened, captured.snapshot, request.signal) },
      });
    },
  };
}

async function ownEtcdutl(): Promise<string> {
  const { resolveTools } = await import('../sandbox/resolve-tools.ts');
  return (await resolveTools(['etcdutl'])).get('etcdutl') ?? 'etcdutl';
}
