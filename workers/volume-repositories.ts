import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { ensureRepository } from '../movers/ensure-repository.ts';
import { LocalRestic } from '../movers/local-restic.ts';
import type { VolumeRepository } from '../movers/port.ts';
import { ResticArchive } from '../movers/restic-archive.ts';
import type { VolumeArchive } from '../movers/volume-archive.ts';
import { volumeRepository, type LocationFacts } from '../movers/volume-repository.ts';
import type { Repository } from '../repository/repository.ts';
import { readVolumePassword, volumePassword } from '../repository/volume-password.ts';
import { resolveTools } from '../sandbox/resolve-tools.ts';
import { stateFolder } from '../sandbox/state-folder.ts';
import { parseLocationUrl } from '../storage/open-store.ts';
import { keysNow } from '../storage/s3-credentials.ts';
import type { Location } from './configuration.ts';
import { asMaintenance, storeOptions, type StoreUse } from './location-store.ts';

/** Time that somebody else is given to make a repository whose password is known already. */
const PATIENCE_MS = 60_000;

/** restic as this worker runs it; built or fetched when the machine has none. */
export async function workerRestic(): Promise<LocalRestic> {
  const restic = (await resolveTools(['restic'])).get('restic') ?? 'restic';
  return new LocalRestic({ restic, scratch: moverScratch() });
}

export function moverScratch(): string {
  return join(stateFolder(), 'movers');
}

/** The restic repository of a cluster's volumes in a location, with the credentials of now; made when there is none. */
export async function openVolumeRepository(
  location: Location,
  repository: Repository,
  { clusterUid, signal }: { readonly clusterUid: string; readonly signal: AbortSignal },
): Promise<VolumeRepository> {
  const { password, isNew } = await volumePassword(repository, clusterUid, { signal });
  const opened = volumeRepository(await factsOf(location), clusterUid, password);
  await ensureRepository(await workerRestic(), opened, { signal, patienceMs: isNew ? 0 : PATIENCE_MS });
  return opened;
}

/** How to reach the restic repository of a cluster's volumes, which must be there. `NotFound` when no volume of the cluster was ever sent to the location. */
export async function existingVolumeRepository(
  location: Location,
  repository: Repository,
  { clusterUid, maintenance = false }: StoreUse & { readonly clusterUid: string },
): Promise<VolumeRepository> {
  const password = await readVolumePassword(repository, clusterUid);
  if (password !== undefined)
    return volumeRepository(await factsOf(maintenance ? asMaintenance(location) : location), clusterUid, password);
  throw new HoldfastError(FailureType.NotFound, `location ${location.name}: it has no volume data of the cluster ${clusterUid}`, {
    advice: 'see which volumes a backup has with "holdfast volume ls"',
  });
}

/** The same, opened for reading and upkeep. */
export async function openVolumeArchive(
  location: Location,
  repository: Repository,
  cluster: StoreUse & { readonly clusterUid: string },
): Promise<VolumeArchive> {
  return new ResticArchive(await workerRestic(), await existingVolumeRepository(location, repository, cluster));
}

async function factsOf(location: Location): Promise<LocationFacts> {
  const place = parseLocationUrl(location.url);
  const options = await storeOptions(location);
  return {
    ...options,
    place,
    keys: place.scheme === 's3' ? await keysNow(options) : undefined,
    googleKey: options.keyFile === undefined ? undefined : await readFile(options.keyFile, 'utf8'),
    authority: options.caFile === undefined ? undefined : await readFile(options.caFile, 'utf8'),
  };
}
