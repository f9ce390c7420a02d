import type { VolumeActivities } from '../contracts/activities.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { captureVolume } from './volume/capture-volume.ts';
import { awaitFromSnapshot, offerSnapshot } from './volume/offer-snapshot.ts';
import { planVolumes } from './volume/plan-volumes.ts';
import { removeTemporary } from './volume/remove-temporary.ts';
import { restoreVolume } from './volume/restore-volume.ts';
import { takeSnapshot } from './volume/volume-snapshot.ts';

export function volumeActivities(dependencies: ActivityDependencies): VolumeActivities {
  return {
    planVolumes: (backup) =>
      withPulse(async ({ signal }) =>
        planVolumes({
          cluster: await dependencies.cluster(backup.cluster),
          mover: () => dependencies.mover(backup.cluster),
          plugins: await dependencies.plugins(),
          backup,
          signal,
        }),
      ),
    captureVolume: (input) =>
      withPulse(async (pulse) =>
        captureVolume({
          cluster: await dependencies.cluster(input.backup.cluster),
          mover: await dependencies.mover(input.backup.cluster),
          repository: () => dependencies.volumeRepository(input.backup.location, input.clusterUid, pulse.signal),
          input,
          pulse,
        }),
      ),
    takeSnapshot: (input) =>
      withPulse(async (pulse) => takeSnapshot({ cluster: await dependencies.cluster(input.backup.cluster), input, pulse })),
    removeTemporary: ({ cluster, runId, namespaces }) =>
      withPulse(async (pulse) => removeTemporary({ cluster: await dependencies.cluster(cluster), runId, namespaces, pulse })),
    offerSnapshot: (input) =>
      withPulse(async (pulse) => {
        const { data } = input.volume;
        if (data?.kind === 'csi') await offerSnapshot({ cluster: await dependencies.cluster(input.restore.cluster), input, pulse }, data);
      }),
    restoreVolume: (input) =>
      withPulse(async (pulse) => {
        const { cluster, location } = input.restore;
        if (input.volume.data?.kind === 'csi') return awaitFromSnapshot({ cluster: await dependencies.cluster(cluster), input, pulse });
        const { manifest } = await (await dependencies.repository(location)).readBackup(input.sequence);
        return restoreVolume({
          cluster: await dependencies.cluster(cluster),
          mover: await dependencies.mover(cluster),
          // Of the cluster that the backup was made of, which need not be this one.
          repository: await dependencies.volumeRepository(location, manifest.cluster.uid, pulse.signal),
          input,
          pulse,
        });
      }),
  };
}
