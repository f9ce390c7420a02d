import { join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { memberListProblem, parseInitialCluster, type PlannedMember } from '../../domain/etcd/initial-cluster.ts';
import { capturedEtcdOf } from '../etcd/captured-etcd.ts';
import { controlPlaneFilesOf } from '../etcd/restore-control-plane-files.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { restoredEtcdText } from '../output/etcd-text.ts';
import { printAnswer } from '../output/print.ts';
import { bytes } from '../output/quantities.ts';
import { StatusLine } from '../output/status-line.ts';
import { withSession } from '../session.ts';

/** More than a cluster writes between its last backup and its loss, so that no client has seen a revision that comes again. */
const DEFAULT_BUMP = 1_000_000_000;

interface RestoreOptions extends LocationOptions, OutputOptions {
  readonly dataDir: string;
  readonly name?: string;
  readonly initialCluster?: string;
  readonly initialAdvertisePeerUrls?: string;
  readonly initialClusterToken: string;
  readonly bumpRevision: number;
  readonly member?: string;
  readonly etcdutl?: string;
  readonly controlPlaneFiles?: string;
}

export function addEtcdRestore(etcd: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(etcd.command('restore <backup>')))
    .description('make data directories of etcd from a backup; needs nothing but the location and its key')
    .requiredOption('--data-dir <folder>', 'the data directory to make; with --member all, the folder to make one in for each member')
    .option('--name <name>', 'name of the member (default: the only one)')
    .option('--initial-cluster <members>', 'name=peerURL of every member of the new cluster (default: those in the backup)')
    .option('--initial-advertise-peer-urls <urls>', "this member's peer URLs (default: those in the member list)")
    .option('--initial-cluster-token <token>', 'the same for all members; a new one keeps them apart from the old ones', 'etcd-cluster')
    .option('--bump-revision <number>', 'revisions to leave out, and to mark as compacted; 0 for none', wholeNumber, DEFAULT_BUMP)
    .option('--member <all>', 'all: make the data directories of all members, each in a folder of its name')
    .option('--control-plane-files <folder>', 'also write the PKI and manifests folders of the backup below this folder')
    .option('--etcdutl <path>', 'the etcdutl to use, best of the version of the cluster (default: found or made)')
    .action(async (backup: string, options: RestoreOptions) => {
      done(await interruptible('nothing was restored, and nothing is left of it', (signal) => restore(backup, options, signal)));
    });
}

async function restore(backup: string, options: RestoreOptions, signal: AbortSignal): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const { manifest } = await (await session.repository(location)).findBackup(backup);
    const captured = capturedEtcdOf(manifest);
    const members = membersOf(options, captured);
    const targets = targetsOf(options, members);
    const { initialClusterToken: token, bumpRevision, etcdutl } = options;
    const writeFiles = await controlPlaneFilesOf(session, { location, backup, captured, folder: options.controlPlaneFiles, signal });
    const status = new StatusLine();
    const onProgress = (step: string, done: number): void => {
      status.show(step, `${bytes(done)} of ${bytes(captured.snapshot.bytes)}`);
    };
    const restored = await session.services
      .restoreEtcd({
        location,
        captured,
        members,
        targets,
        token,
        bumpRevision,
        signal,
        onProgress,
        ...(etcdutl === undefined ? {} : { etcdutl }),
      })
      .finally(() => {
        status.clear();
      });
    await writeFiles();
    printAnswer(options.output, {
      data: { backup, location, ...restored, members },
      names: restored.made.map(({ dataDir }) => dataDir),
      table: () => restoredEtcdText(backup, restored, members),
    });
  });
}

/** The member list of the new cluster, checked. */
function membersOf({ initialCluster }: RestoreOptions, captured: CapturedEtcd): readonly PlannedMember[] {
  const members =
    initialCluster === undefined
      ? captured.members.filter(({ learner }) => !learner).map(({ name, peerUrls }) => ({ name, peerUrls }))
      : parseInitialCluster(initialCluster);
  const problem = memberListProblem(members);
  if (problem !== '') throw new HoldfastError(FailureType.BadInput, problem, { advice: 'see --initial-cluster' });
  return members;
}

/** Which data directories are to be made. */
function targetsOf(
  options: RestoreOptions,
  members: readonly PlannedMember[],
): readonly { readonly name: string; readonly dataDir: string }[] {
  if (options.member !== undefined) {
    if (options.member !== 'all' || options.name !== undefined || options.initialAdvertisePeerUrls !== undefined) {
      throw new HoldfastError(FailureType.BadInput, '--member takes all, and no --name or --initial-advertise-peer-urls beside it');
    }
    return members.map(({ name }) => ({ name, dataDir: join(options.dataDir, name) }));
  }
  return [{ name: memberOf(options, members).name, dataDir: options.dataDir }];
}

/** The one member that is meant; what it advertises must be what the list says of it. */
function memberOf(options: RestoreOptions, members: readonly PlannedMember[]): PlannedMember {
  const names = members.map(({ name }) => name).join(', ');
  const name = options.name ?? (members.length === 1 ? members[0]?.name : undefined);
  if (name === undefined) {
    throw new HoldfastError(FailureType.BadInput, `it is not said which member this is: ${names}`, {
      advice: 'give --name, or --member all',
    });
  }
  const member = members.find((candidate) => candidate.name === name);
  if (!member) {
    throw new HoldfastError(FailureType.BadInput, `"${name}" is not among the members: ${names}`, { advice: 'see --initial-cluster' });
  }
  const advertised = options.initialAdvertisePeerUrls?.split(',') ?? member.peerUrls;
  if ([...advertised].sort().join(',') !== [...member.peerUrls].sort().join(',')) {
    throw new HoldfastError(
      FailureType.BadInput,
      `"${name}" is to advertise ${advertised.join(',')}, and the member list says ${member.peerUrls.join(',')}`,
      {
        advice: 'both must be the same',
      },
    );
  }
  return member;
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('write a whole number');
  return number;
}
