import { once } from 'node:events';
import type { Command } from 'commander';
import type { ArchivedFile } from '../../workers/dependencies.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { fileLine, volumesText } from '../output/volume-listing.ts';
import { withSession, type Session } from '../session.ts';
import { findBackup, pathInVolume, storedVolume } from '../volumes/find-volume.ts';
import { addVolumeKey } from './volume-key.ts';
import { addVolumeRestore } from './volume-restore.ts';

type ListOptions = LocationOptions & OutputOptions;
type BrowseOptions = ListOptions & { readonly recursive: boolean };

export function volumeCommand(program: Command, done: (code: ExitCode) => void): void {
  const volume = program.command('volume').description('the data of persistent volumes in a backup');
  withOutput(withLocation(volume.command('ls <backup>')))
    .description('list the volumes of a backup')
    .action(async (backup: string, options: ListOptions) => {
      await list(backup, options);
    });
  withOutput(withLocation(volume.command('browse <backup> <volume> [path]')))
    .description('list a folder of a volume (NAMESPACE/CLAIM): modes, owners, sizes, times, links')
    .option('-r, --recursive', 'everything below it, without the targets of links', false)
    .action(async (...[backup, named, path, options]: [string, string, string | undefined, BrowseOptions]) => {
      done(await interruptible('the list is not complete', (signal) => browse({ backup, named, path: path ?? '/' }, options, signal)));
    });
  withLocation(volume.command('cat <backup> <volume> <path>'))
    .description('write one file of a volume (NAMESPACE/CLAIM) to standard output')
    .action(async (...[backup, named, path, options]: [string, string, string, LocationOptions]) => {
      done(await interruptible('the file is not complete', (signal) => cat({ backup, named, path }, options, signal)));
    });
  addVolumeRestore(volume, done);
  addVolumeKey(volume);
}

async function list(name: string, options: ListOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const { volumes = [], cluster } = await findBackup(session, location, name);
    printAnswer(options.output, {
      data: { location, backup: name, cluster, volumes },
      names: volumes.map(({ namespace, claim }) => `${namespace}/${claim}`),
      table: (wide) => volumesText(volumes, wide),
    });
    const inCluster = volumes.filter(({ data }) => data?.kind === 'csi').length;
    if (inCluster > 0)
      note(`the data of ${inCluster} volumes is kept by the storage system of cluster ${cluster.name}, and not in the location`);
  });
}

interface Place {
  readonly backup: string;
  readonly named: string;
  readonly path: string;
}

async function openPlace(session: Session, place: Place, options: LocationOptions) {
  const path = pathInVolume(place.path);
  const location = session.locationName(options.location);
  const { backup, data } = storedVolume(await findBackup(session, location, place.backup), place.named);
  const archive = await session.services.volumeArchive(location, backup.cluster.uid);
  return { location, archive, at: { snapshot: data.snapshot, path } };
}

async function browse(place: Place, options: BrowseOptions, signal: AbortSignal): Promise<void> {
  await withSession(async (session) => {
    const { location, archive, at } = await openPlace(session, place, options);
    const { output, recursive } = options;
    const files: ArchivedFile[] = [];
    const isList = output === 'json' || output === 'yaml';
    // A volume may have millions of files: for people they are printed as they come.
    const onFile = (file: ArchivedFile): void | Promise<void> =>
      isList ? void files.push(file) : write(`${output === 'name' ? file.path : fileLine(file)}\n`);
    await archive.list(at, { recursive, signal, onFile });
    if (!isList) return;
    const { backup, named } = place;
    printAnswer(output, { data: { location, backup, volume: named, path: at.path, recursive, files }, names: [], table: () => '' });
  });
}

async function cat(place: Place, options: LocationOptions, signal: AbortSignal): Promise<void> {
  await withSession(async (session) => {
    const { archive, at } = await openPlace(session, place, options);
    await archive.read(at, { signal, onData: write });
  });
}

/** Waits when the reader is slow. */
async function write(content: string | Buffer): Promise<void> {
  if (!process.stdout.write(content)) await once(process.stdout, 'drain');
}
