import type { BackupManifest, ClusterIdentity } from '../../contracts/manifest.ts';
import type { KeptSnapshot } from '../../contracts/volume.ts';

/** A snapshot that a storage system keeps for a backup that is deleted. */
export interface DroppedSnapshot {
  readonly cluster: ClusterIdentity;
  readonly backup: string;
  /** `<namespace>/<claim>`. */
  readonly volume: string;
  readonly kept: KeptSnapshot;
}

/** The kept snapshots of backups that go, without those that a backup that stays names, each once. */
export function droppedSnapshots(going: readonly BackupManifest[], staying: readonly BackupManifest[]): readonly DroppedSnapshot[] {
  const needed = new Set(staying.flatMap(keptBy).map(nameOf));
  const dropped = new Map(
    going
      .flatMap(keptBy)
      .filter((snapshot) => !needed.has(nameOf(snapshot)))
      .map((snapshot) => [nameOf(snapshot), snapshot]),
  );
  return [...dropped.values()];
}

function keptBy({ name, cluster, volumes = [] }: BackupManifest): readonly DroppedSnapshot[] {
  return volumes.flatMap(({ namespace, claim, data }) =>
    data?.kind === 'csi' ? [{ cluster, backup: name, volume: `${namespace}/${claim}`, kept: data }] : [],
  );
}

/** Handles are the driver's own. Whether two clusters share a storage system nobody knows, so the cluster does not count. */
function nameOf({ kept }: DroppedSnapshot): string {
  return `${kept.driver}\n${kept.handle}`;
}
