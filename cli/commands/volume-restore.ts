import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import {
  repeated,
  withClusterOptions,
  withLocation,
  withOutput,
  type ClusterOptions,
  type LocationOptions,
  type OutputOptions,
} from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { bytes, count } from '../output/quantities.ts';
import { StatusLine } from '../output/status-line.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';
import { findBackup, pathInVolume, storedVolume, type StoredVolume } from '../volumes/find-volume.ts';
import { restoreToFolder, type FilesAndBytes } from '../volumes/restore-to-folder.ts';

type RestoreOptions = LocationOptions &
  OutputOptions &
  ClusterOptions & {
    readonly path: readonly string[];
    readonly to?: string;
    readonly toClaim?: string;
    readonly overwrite: boolean;
  };

/** Where the files go. */
type Target = { readonly folder: string } | { readonly namespace: string; readonly claim: string };

export function addVolumeRestore(volume: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(withClusterOptions(volume.command('restore <backup> <volume>'))))
    .description('restore files and folders of a volume (NAMESPACE/CLAIM) to a folder of this machine, or into the volume of a claim')
    .option('--path <path>', 'what to restore, from the root of the volume (repeatable; default: everything)', repeated, [])
    .option('--to <folder>', 'a folder of this machine; files get their paths in the volume below it')
    .option('--to-claim <claim>', 'the volume of this claim, [NAMESPACE/]CLAIM, also while pods use it; needs --overwrite')
    .option('--overwrite', 'replace files that are there; nothing is ever deleted', false)
    .action(async (backup: string, named: string, options: RestoreOptions) => {
      const target = targetOf(named, options);
      const undone = 'folder' in target ? 'nothing was put into the folder' : 'files that were written stay; run it again to complete them';
      done(await interruptible(undone, (signal) => restore({ backup, named, target }, options, signal)));
    });
}

function targetOf(named: string, { to, toClaim, overwrite }: RestoreOptions): Target {
  if ((to === undefined) === (toClaim === undefined)) {
    throw new HoldfastError(FailureType.BadInput, 'volume restore needs to know where to', {
      advice: 'give one of --to FOLDER and --to-claim CLAIM',
    });
  }
  if (to !== undefined) return { folder: to };
  if (!overwrite) {
    throw new HoldfastError(FailureType.BadInput, '--to-claim writes over files that are in the volume', {
      advice: 'add --overwrite, or use --to',
    });
  }
  const [, namespace = named.split('/')[0] ?? '', claim] = /^(?:([^/]+)\/)?([^/]+)$/.exec(toClaim ?? '') ?? [];
  if (claim !== undefined) return { namespace, claim };
  throw new HoldfastError(FailureType.BadInput, `--to-claim ${toClaim ?? ''}: names no claim`, {
    advice: 'write CLAIM or NAMESPACE/CLAIM',
  });
}

interface Request {
  readonly backup: string;
  readonly named: string;
  readonly target: Target;
}

async function restore({ backup, named, target }: Request, options: RestoreOptions, signal: AbortSignal): Promise<void> {
  const paths = options.path.length === 0 ? ['/'] : options.path.map(pathInVolume);
  const cluster = 'folder' in target ? undefined : await namedCluster(options);
  const status = new StatusLine();
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const stored = storedVolume(await findBackup(session, location, backup), named);
    const work: Work = { session, location, stored, paths, status, signal };
    try {
      const restored =
        'folder' in target
          ? await toFolder(work, { folder: target.folder, overwrite: options.overwrite })
          : await toClaim(work, { ...target, cluster: cluster?.name ?? '' });
      status.clear();
      const to = 'folder' in target ? target.folder : `claim ${target.namespace}/${target.claim}`;
      printAnswer(options.output, {
        data: { location, backup, volume: named, paths, to, ...restored },
        names: paths,
        table: () => `${count(restored.files)} files, ${bytes(restored.bytes)} restored to ${to} and compared with the backup`,
      });
    } finally {
      status.clear();
    }
  }, cluster);
}

interface Work {
  readonly session: Session;
  readonly location: string;
  readonly stored: StoredVolume;
  readonly paths: readonly string[];
  readonly status: StatusLine;
  readonly signal: AbortSignal;
}

async function toFolder(work: Work, target: { readonly folder: string; readonly overwrite: boolean }): Promise<FilesAndBytes> {
  const { session, location, stored, paths, status, signal } = work;
  const archive = await session.services.volumeArchive(location, stored.backup.cluster.uid);
  const { snapshot } = stored.data;
  return restoreToFolder(
    archive,
    { snapshot, paths, ...target },
    {
      signal,
      onProgress: ({ step, done, total }) => {
        status.show(step, total === 0 ? '' : `${bytes(done)} of ${bytes(total)}`);
      },
    },
  );
}

async function toClaim(
  work: Work,
  { cluster, namespace, claim }: { readonly cluster: string; readonly namespace: string; readonly claim: string },
): Promise<FilesAndBytes> {
  const { session, location, stored, paths, status, signal } = work;
  await reachableCluster(session, { name: cluster, access: { kubeconfig: '', context: '' } });
  const { snapshot } = stored.data;
  const { uid: clusterUid } = stored.backup.cluster;
  const request = { location, clusterUid, snapshot, paths, cluster, namespace, claim };
  const call = {
    signal,
    onProgress: ({ bytesDone, bytesTotal }: { readonly bytesDone: number; readonly bytesTotal: number }) => {
      status.show('restoring', bytesTotal === 0 ? '' : `${bytes(bytesDone)} of ${bytes(bytesTotal)}`);
    },
  };
  const restored = await session.services.restoreIntoClaim(request, call);
  note('files that pods of the claim have open are as they were for them until they open them again');
  return restored;
}
