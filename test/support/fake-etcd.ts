import { createHash } from 'node:crypto';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Alarm, Etcd, MemberStatus } from '../../etcd/port.ts';

export interface FakeMember {
  readonly status?: Partial<MemberStatus>;
  /** Default: the whole snapshot. */
  readonly stream?: () => AsyncIterable<Buffer> | Iterable<Buffer>;
  readonly isAway?: boolean;
}

const CHUNK_BYTES = 32 * 1024;

/** A snapshot as etcd sends it: a database and its SHA-256. */
export function snapshotOf(database: Buffer): Buffer {
  return Buffer.concat([database, createHash('sha256').update(database).digest()]);
}

/** In etcd's chunks. */
export function* chunksOf(snapshot: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < snapshot.length; offset += CHUNK_BYTES) yield snapshot.subarray(offset, offset + CHUNK_BYTES);
}

/** An etcd cluster behind the port, whose members do as they are told: what real ones do when they are ill cannot be had from healthy ones. */
export class FakeEtcd implements Etcd {
  readonly endpoints: readonly string[];
  /** Endpoints whose snapshot was asked for, in order. */
  readonly asked: string[] = [];
  readonly #members: Readonly<Record<string, FakeMember>>;
  readonly #snapshot: Buffer;
  readonly #alarms: readonly Alarm[];

  constructor(
    members: Readonly<Record<string, FakeMember>>,
    options: { snapshot: Buffer; endpoints?: readonly string[]; alarms?: readonly Alarm[] },
  ) {
    this.#members = members;
    this.#snapshot = options.snapshot;
    this.#alarms = options.alarms ?? [];
    this.endpoints = options.endpoints ?? Object.keys(members);
  }

  status(endpoint: string): Promise<MemberStatus> {
    const { status, isAway } = this.#member(endpoint);
    if (isAway) return Promise.reject(new HoldfastError('Unavailable', `etcd ${endpoint}: it does not answer`));
    return Promise.resolve({
      clusterId: 'c1',
      memberId: endpoint,
      version: '3.7.3',
      isLeader: false,
      hasLeader: true,
      learner: false,
      appliedIndex: 100n,
      revision: '70',
      databaseBytes: this.#snapshot.length - 32,
      inUseBytes: 1,
      quotaBytes: 0,
      ...status,
    });
  }

  members(): ReturnType<Etcd['members']> {
    const members = Object.keys(this.#members).map((url) => ({
      id: url,
      name: url,
      peerUrls: [url],
      clientUrls: [`${url}/`],
      learner: false,
    }));
    return Promise.resolve(members);
  }

  alarms(): Promise<readonly Alarm[]> {
    return Promise.resolve(this.#alarms);
  }

  hashOfKeys(_endpoint: string, revision: string): ReturnType<Etcd['hashOfKeys']> {
    return Promise.resolve({ hash: `hash at ${revision}`, compactRevision: '-1' });
  }

  async *snapshot(endpoint: string): AsyncGenerator<Buffer> {
    this.asked.push(endpoint);
    yield* this.#member(endpoint).stream?.() ?? chunksOf(this.#snapshot);
  }

  close(): void {
    // It holds nothing.
  }

  #member(endpoint: string): FakeMember {
    const member = this.#members[endpoint];
    if (!member) throw new Error(`nobody is at ${endpoint}`);
    return member;
  }
}
