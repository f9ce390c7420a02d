import { SNAPSHOT_STREAM } from '../../contracts/etcd.ts';
import type { EtcdCaptureProgress } from '../../contracts/etcd-backup.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Etcd, KeyspaceHash } from '../../etcd/port.ts';
import type { Pulse } from '../heartbeat.ts';
import type { StreamKeeper } from '../quiesce/stream-keeper.ts';
import { CheckedSnapshot } from './checked-snapshot.ts';
import type { SurveyedMember } from './survey-members.ts';

export interface TakeSnapshotWork {
  readonly etcd: Etcd;
  readonly keeper: StreamKeeper;
  readonly pulse: Pulse;
}

export interface TakenSnapshot {
  /** Everything up to it is in the snapshot. */
  readonly revision: string;
  /** Of the keys up to that revision; absent when the member could not say. */
  readonly hash?: KeyspaceHash;
  readonly sha256: string;
  /** ISO-8601. */
  readonly takenAt: string;
}

/** Something went wrong at a member, as opposed to everything else that its stream passes through: another one may do better. */
export class MemberFailed extends Error {
  override readonly name = 'MemberFailed';
  readonly reason: HoldfastError;

  constructor(reason: HoldfastError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}

/** Streams the snapshot of one member into the repository, and asks it meanwhile what its keys hash to. */
export async function takeSnapshot({ etcd, keeper, pulse }: TakeSnapshotWork, member: SurveyedMember): Promise<TakenSnapshot> {
  const { endpoint } = member;
  const { revision, databaseBytes } = await atMember(() => etcd.status(endpoint));
  const snapshot = new CheckedSnapshot(etcd.snapshot(endpoint, pulse.signal), `etcd ${endpoint}`);
  let hash: Promise<KeyspaceHash | undefined> = Promise.resolve(undefined);
  let takenAt = '';
  let streamedBytes = 0;
  const onChunk = (chunk: Buffer): void => {
    if (takenAt === '') {
      // The stream shows the store of this moment. Whatever is written from now on, the keys up to the revision stay what they are.
      takenAt = new Date().toISOString();
      hash = etcd.hashOfKeys(endpoint, revision).catch(() => undefined);
    }
    streamedBytes += chunk.length;
    pulse.beat({ streamedBytes, databaseBytes } satisfies EtcdCaptureProgress);
  };
  await keeper.keep(SNAPSHOT_STREAM, fromMember(snapshot, onChunk));
  const known = await hash;
  return { revision, sha256: snapshot.sha256, takenAt, ...(known ? { hash: known } : {}) };
}

/** Does something that only the member can make fail. */
export async function atMember<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof HoldfastError ? new MemberFailed(error) : error;
  }
}

async function* fromMember(content: AsyncIterable<Buffer>, onChunk: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of content) {
      onChunk(chunk);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof HoldfastError ? new MemberFailed(error) : error;
  }
}
