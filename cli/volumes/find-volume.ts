import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { CapturedVolume, MovedData } from '../../contracts/volume.ts';
import { repositoryLacks } from '../commands/backup-queries.ts';
import type { Session } from '../session.ts';

/** A backup by name; `NotFound` in the words of the other commands. */
export async function findBackup(session: Session, location: string, name: string): Promise<BackupManifest> {
  const backups = await (await session.repository(location)).backups();
  const found = backups.find(({ manifest }) => manifest.name === name);
  if (!found) throw repositoryLacks(name, location);
  return found.manifest;
}

/** A volume whose data the location has. */
export interface StoredVolume {
  readonly backup: BackupManifest;
  readonly volume: CapturedVolume;
  readonly data: MovedData;
}

/** Finds `NAMESPACE/CLAIM` in a backup. `BadInput` where there is nothing to read: data that was not captured, or that only the cluster has. */
export function storedVolume(backup: BackupManifest, named: string): StoredVolume {
  const [, namespace, claim] = /^([^/]+)\/([^/]+)$/.exec(named) ?? [];
  if (namespace === undefined || claim === undefined) {
    throw new HoldfastError(FailureType.BadInput, `"${named}" names no volume`, { advice: 'write NAMESPACE/CLAIM' });
  }
  const volume = backup.volumes?.find((one) => one.namespace === namespace && one.claim === claim);
  const where = `backup "${backup.name}"`;
  if (!volume) {
    throw new HoldfastError(FailureType.NotFound, `${where} has no volume ${named}`, { advice: `see "holdfast volume ls ${backup.name}"` });
  }
  const { data } = volume;
  if (!data) {
    throw new HoldfastError(FailureType.BadInput, `${where} has no data of volume ${named}`, {
      advice: `its method was ${volume.method}: "holdfast backup describe ${backup.name}" says why`,
    });
  }
  if (data.kind === 'csi') {
    throw new HoldfastError(
      FailureType.BadInput,
      `the data of volume ${named} is in the cluster: snapshot ${data.handle} of ${data.driver}`,
      {
        advice: 'its storage system alone can read it: bring the whole volume back with "holdfast restore create"',
      },
    );
  }
  return { backup, volume, data };
}

/** A path in a volume: absolute, without a slash at its end. `BadInput` for one that goes up. */
export function pathInVolume(given: string): string {
  const parts = given.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || given.includes('\0')) {
    throw new HoldfastError(FailureType.BadInput, `path ${JSON.stringify(given)}: leaves the volume`, {
      advice: 'write it from the root of the volume, such as /data/file',
    });
  }
  return `/${parts.join('/')}`;
}
