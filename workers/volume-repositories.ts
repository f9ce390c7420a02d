import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureRepository } from '../movers/ensure-repository.ts';
import { LocalRestic } from '../movers/local-restic.ts';
import type { VolumeRepository } from '../movers/port.ts';
import { volumeRepository, type LocationFacts } from '../movers/volume-repository.ts';
import type { Repository } from '../repository/repository.ts';
import { volumePassword } from '../repository/volume-password.ts';
import { resolveTools } from '../sandbox/resolve-tools.ts';
import { stateFolder } from '../sandbox/state-folder.ts';
import { parseLocationUrl } from '../storage/open-store.ts';
import { keysNow } from '../storage/s3-credentials.ts';
import type { Location } from './configuration.ts';
import { storeOptions } from './location-store.ts';

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
