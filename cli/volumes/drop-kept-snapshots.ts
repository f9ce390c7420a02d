import { HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { droppedSnapshots, type DroppedSnapshot } from '../../domain/volume/dropped-snapshots.ts';
import type { ClusterOptions } from '../options.ts';
import { note } from '../output/print.ts';
import { namedCluster, reachableCluster, withSession } from '../session.ts';

const NEVER = new AbortController().signal;

/**
 * What a deletion does about snapshots that storage systems have kept for the backups that go: each cluster is reached by the context of its name, or by the one that is given, and
 * told to delete them. Whatever stays is named with the reason; the backups go all the same.
 */
export function dropKeptSnapshots(
  options: ClusterOptions,
): (going: readonly BackupManifest[], staying: readonly BackupManifest[]) => Promise<void> {
  return async (going, staying) => {
    const byCluster = Map.groupBy(droppedSnapshots(going, staying), ({ cluster }) => cluster.uid);
    for (const dropped of byCluster.values()) {
      for (const { kept, volume, backup, reason } of await dropIn(options, dropped)) {
        note(
          `warning: snapshot ${kept.handle} of ${kept.driver} (volume ${volume}, backup ${backup}) stays in the storage system: ${reason}`,
        );
      }
    }
  };
}

/** What stays. */
async function dropIn(options: ClusterOptions, dropped: readonly DroppedSnapshot[]) {
  const context = options.context ?? options.kubecontext ?? dropped[0]?.cluster.name ?? '';
  try {
    const cluster = await namedCluster({ ...options, context });
    return await withSession(async (session) => {
      await reachableCluster(session, cluster);
      return session.services.dropSnapshots(cluster.name, dropped, NEVER);
    }, cluster);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return dropped.map((snapshot) => ({ ...snapshot, reason: error.message }));
  }
}
