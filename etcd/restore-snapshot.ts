import { lstat, mkdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { CapturedEtcd } from '../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { Etcdutl, type MadeMember, type NewMember } from './etcdutl.ts';
import { withPrivateFolder } from './private-folder.ts';
import { writeSnapshot } from './snapshot-file.ts';

/** A write-ahead log is made in its full size. */
const LOG_BYTES = 64_000_000;

export interface RestoreEtcdRequest {
  /** Path of the tool. */
  readonly etcdutl: string;
  readonly snapshot: { readonly facts: CapturedEtcd; readonly content: AsyncIterable<Buffer> };
  /** All members of the new cluster. */
  readonly members: readonly NewMember[];
  /** The data directories to make, for some of the members or all. All of them in one folder. */
  readonly targets: readonly EtcdTarget[];
  readonly token: string;
  /** Revisions to leave out; 0 keeps the snapshot's. */
  readonly bumpRevision: number;
  readonly signal: AbortSignal;
  /** `bytes`: of the snapshot, as far as that goes. */
  readonly onProgress: (step: string, bytes: number) => void;
}

interface EtcdTarget {
  /** A member's name. */
  readonly name: string;
  readonly dataDir: string;
}

export interface RestoredEtcd {
  /** Hexadecimal, the same for all members. */
  readonly clusterId: string;
  /** What the snapshot has everything up to, and the newest revision of the new members; decimal. */
  readonly revision: string;
  readonly newRevision: string;
  /** `unknown`: none was recorded, or it cannot be compared: a compaction came between, or etcdutl is too old. The SHA-256 is always compared. */
  readonly hash: 'equal' | 'unknown';
  readonly snapshotBytes: number;
  readonly made: readonly EtcdTarget[];
}

/**
 * Makes data directories from a snapshot, whole or not at all: they are made beside their places and renamed into them. Refuses everything that
 * exists there, too little room, a snapshot that is not what was captured, and a member list that came out differently.
 */
export async function restoreSnapshot(request: RestoreEtcdRequest): Promise<RestoredEtcd> {
  const targets = request.targets.map(({ name, dataDir }) => ({ name, dataDir: resolve(dataDir) }));
  const parent = dirname(targets[0]?.dataDir ?? '');
  await refuseExisting(targets);
  const newlyMade = await mkdir(parent, { recursive: true });
  let done = false;
  try {
    await refuseTooLittleRoom(parent, request);
    const restored = await withPrivateFolder(parent, (folder) => restoreBeside(folder, { ...request, targets }));
    done = true;
    return restored;
  } finally {
    if (!done && newlyMade !== undefined) await rm(newlyMade, { recursive: true, force: true });
  }
}

async function restoreBeside(folder: string, request: RestoreEtcdRequest): Promise<RestoredEtcd> {
  const { snapshot, members, targets, signal, onProgress } = request;
  const { facts, content } = snapshot;
  const tool = new Etcdutl(request.etcdutl, signal);
  const file = join(folder, 'snapshot.db');
  const onBytes = (bytes: number): void => {
    onProgress('reading the snapshot', bytes);
  };
  await writeSnapshot(file, facts, { content, onBytes });
  const made: MadeMember[] = [];
  for (const { name } of targets) {
    onProgress(`making ${name}`, facts.snapshot.bytes);
    const member = memberNamed(members, name);
    const { token, bumpRevision } = request;
    const one = await tool.restore({ snapshotFile: file, dataDir: join(folder, `data-${name}`), member, members, token, bumpRevision });
    refuseOtherMembers(name, one, members);
    made.push(one);
  }
  onProgress('comparing hashes', facts.snapshot.bytes);
  // Last, since it changes the file.
  const hash = await compareHash(tool, file, facts);
  await putInPlace(targets.map(({ name, dataDir }) => ({ from: join(folder, `data-${name}`), to: dataDir })));
  const [first] = made;
  return {
    clusterId: first?.clusterId ?? '',
    revision: facts.revision,
    newRevision: first === undefined || first.newRevision === '' ? facts.revision : first.newRevision,
    hash,
    snapshotBytes: facts.snapshot.bytes,
    made: targets,
  };
}

async function compareHash(tool: Etcdutl, file: string, facts: CapturedEtcd): Promise<RestoredEtcd['hash']> {
  if (facts.hash === '') return 'unknown';
  const found = await tool.hashOfKeys(file, facts.revision);
  if (!found || found.compactRevision !== facts.compactRevision) return 'unknown';
  if (found.hash === facts.hash) return 'equal';
  throw new HoldfastError(
    FailureType.Damaged,
    `the keys in the snapshot hash to ${found.hash} at revision ${facts.revision}, the member said ${facts.hash} when it was taken`,
    { advice: 'its store may be corrupt: restore another backup' },
  );
}

/** Either all are in their places, or none is. */
async function putInPlace(moves: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
  const placed: string[] = [];
  try {
    for (const { from, to } of moves) {
      await refuseExisting([{ dataDir: to }]);
      await rename(from, to);
      placed.push(to);
    }
  } catch (error) {
    for (const folder of placed) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function refuseExisting(targets: readonly { readonly dataDir: string }[]): Promise<void> {
  for (const { dataDir } of targets) {
    const found = await lstat(dataDir).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (!found) continue;
    throw new HoldfastError(FailureType.AlreadyExists, `${dataDir} exists: nothing is ever written over`, {
      advice: 'name a new directory, or move the old one away first',
    });
  }
}

/** Room for the snapshot and for each data directory, with a write-ahead log each. */
async function refuseTooLittleRoom(parent: string, { snapshot, targets }: RestoreEtcdRequest): Promise<void> {
  const { bytes } = snapshot.facts.snapshot;
  const needed = bytes + targets.length * (bytes + LOG_BYTES);
  const { bavail, bsize } = await statfs(parent);
  if (bavail * bsize >= needed) return;
  throw new HoldfastError(FailureType.BadInput, `${parent}: ${inMebibytes(needed)} are needed, ${inMebibytes(bavail * bsize)} are free`, {
    advice: 'make room, or name a directory on another disk',
  });
}

/** What a data directory knows of its cluster decides whom it will talk to. */
function refuseOtherMembers(name: string, { known }: MadeMember, members: readonly NewMember[]): void {
  const sorted = (lists: readonly (readonly string[])[]): string => JSON.stringify(lists.map((urls) => [...urls].sort().join(',')).sort());
  if (sorted(known) === sorted(members.map(({ peerUrls }) => peerUrls))) return;
  throw new HoldfastError(FailureType.Damaged, `etcdutl made "${name}" with other members: ${JSON.stringify(known)}`, {
    advice: 'nothing was put in place; try another etcdutl with --etcdutl',
  });
}

function memberNamed(members: readonly NewMember[], name: string): NewMember {
  const member = members.find((candidate) => candidate.name === name);
  if (member) return member;
  throw new HoldfastError(FailureType.BadInput, `"${name}" is not among the members`, { advice: 'see --initial-cluster' });
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
