import type { VolumeActivities } from '../contracts/activities.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { withPulse } from './heartbeat.ts';
import { recoverApplication } from './recover/recover-application.ts';
import { captureVolume } from './volume/capture-volume.ts';
import { takeGroupSnapshot } from './volume/group-snapshot.ts';
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
    takeGroupSnapshot: (input) =>
      withPulse(async (pulse) => takeGroupSnapshot({ cluster: await dependencies.cluster(input.backup.cluster), input, pulse })),
    removeTemporary: (input) =>
      withPulse(async (pulse) => removeTemporary({ cluster: await dependencies.cluster(input.cluster), input, pulse })),
    offerSnapshot: (input) =>
      withPulse(async (pulse) => {
        const { data } = input.volume;
        if (data?.kind === 'csi') await offerSnapshot({ cluster: await dependencies.cluster(input.restore.cluster), input, pulse }, data);
      }),
    restoreVolume: (input) =>
      withPulse(async (pulse) => {
        const { cluster, location } = input.restore;
        if (input.volume.data?.kind === 'csi') return awaitFromSnapshot({ cluster: await dependencies.cluster(cluster), input, pulse });
        const backups = await dependencies.repository(location);
        const { manifest } = await backups.readBackup(input.sequence);
        return restoreVolume({
          cluster: await dependencies.cluster(cluster),
          mover: await dependencies.mover(cluster),
          // Of the cluster that the backup was made of, which need not be this one.
          repository: await dependencies.volumeRepository(location, manifest.cluster.uid, pulse.signal),
          backups,
          input,
          pulse,
        });
      }),
    recoverApplication: (input) =>
      withPulse(async (pulse) =>
        recoverApplication({
          plugin: (await dependencies.plugins()).named(input.application.task.plugin),
          cluster: await dependencies.cluster(input.restore.cluster),
          repository: await dependencies.repository(input.restore.location),
          input,
          pulse,
        }),
      ),
  };
}
