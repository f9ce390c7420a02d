import { rootCertificates } from 'node:tls';
import { credentials, type ChannelCredentials, type ClientReadableStream, type Metadata } from '@grpc/grpc-js';
import { Etcd3, type IOptions } from 'etcd3';
import type { EtcdMember } from '../contracts/etcd.ts';
import { etcdFailure } from './failures.ts';
import { MaintenanceService, type StatusAnswer } from './maintenance-service.ts';
import type { Alarm, Etcd, KeyspaceHash, MemberStatus } from './port.ts';

/** How to reach a cluster, with the contents of the files. */
export interface EtcdSettings {
  readonly endpoints: readonly string[];
  /** PEM. Without it the system's authorities are trusted. */
  readonly authority?: Buffer;
  /** PEM, both or none. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  readonly user?: { readonly name: string; readonly password: string };
}

const CALL_MS = 5_000;
/** It reads every key of the store. */
const HASH_MS = 300_000;
/**
 * A member that hangs is noticed after twice the keepalive's time, also in the middle of a stream. The window lets it go on sending while we store: it
 * is all that waits in memory beside what is being stored.
 */
const CHANNEL = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc-node.flow_control_window': 16 * 1024 * 1024,
};

export function openEtcd(settings: EtcdSettings): Etcd {
  return new EtcdClient(settings);
}

/** Each member over connections of its own: who is asked is always known. */
class EtcdClient implements Etcd {
  readonly endpoints: readonly string[];
  readonly #settings: EtcdSettings;
  readonly #connections = new Map<string, Connection>();

  constructor(settings: EtcdSettings) {
    this.endpoints = settings.endpoints;
    this.#settings = settings;
  }

  status(endpoint: string): Promise<MemberStatus> {
    return this.#call(endpoint, async (connection) => {
      const answer = await connection.maintenance.call('Status', {}, { token: await connection.token(), timeoutMs: CALL_MS });
      return memberStatus(answer);
    });
  }

  members(endpoint: string): Promise<readonly EtcdMember[]> {
    return this.#call(endpoint, async ({ etcd3 }) => {
      const { members } = await etcd3.cluster.memberList({ linearizable: false }, { deadline: Date.now() + CALL_MS });
      return members
        .map((member) => ({
          id: hexadecimal(member.ID),
          name: member.name,
          peerUrls: member.peerURLs,
          clientUrls: member.clientURLs,
          learner: member.isLearner,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  alarms(endpoint: string): Promise<readonly Alarm[]> {
    return this.#call(endpoint, async ({ etcd3 }) => {
      const { alarms } = await etcd3.maintenance.alarm({}, { deadline: Date.now() + CALL_MS });
      return alarms.map(({ memberID, alarm }) => ({ memberId: hexadecimal(memberID), alarm: alarm.toUpperCase() }));
    });
  }

  hashOfKeys(endpoint: string, revision: string): Promise<KeyspaceHash> {
    return this.#call(endpoint, async (connection) => {
      const answer = await connection.maintenance.call('HashKV', { revision }, { token: await connection.token(), timeoutMs: HASH_MS });
      return { hash: String(answer.hash), compactRevision: answer.compact_revision };
    });
  }

  async *snapshot(endpoint: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const stream = await this.#call(endpoint, ({ etcd3 }) => etcd3.snapshot());
    const cancel = (): void => {
      stream.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      for await (const message of stream as AsyncIterable<SnapshotMessage>) yield message.blob;
    } catch (error) {
      signal.throwIfAborted();
      throw etcdFailure(endpoint, error);
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #call<T>(endpoint: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      let connection = this.#connections.get(endpoint);
      if (!connection) {
        connection = new Connection(endpoint, this.#settings);
        this.#connections.set(endpoint, connection);
      }
      return await work(connection);
    } catch (error) {
      throw etcdFailure(endpoint, error);
    }
  }
}

interface SnapshotMessage {
  readonly blob: Buffer;
}

/** etcd3's own `maintenance.snapshot` gives grpc its arguments in a wrong order, so that no user is logged in. */
class PatchedEtcd3 extends Etcd3 {
  snapshot(): Promise<ClientReadableStream<SnapshotMessage>> {
    return this.pool.withConnection('Maintenance', ({ client, metadata }) => (client as unknown as SnapshotClient).snapshot({}, metadata));
  }
}

interface SnapshotClient {
  snapshot(request: object, metadata: Metadata): ClientReadableStream<SnapshotMessage>;
}

class Connection {
  readonly etcd3: PatchedEtcd3;
  readonly maintenance: MaintenanceService;
  readonly #user: EtcdSettings['user'];

  constructor(endpoint: string, settings: EtcdSettings) {
    const { authority, certificate, key, user } = settings;
    const tls = endpoint.startsWith('https:')
      ? { authority: authority ?? Buffer.from(rootCertificates.join('\n')), certificate, key }
      : undefined;
    this.#user = user;
    this.etcd3 = new PatchedEtcd3({
      hosts: endpoint,
      grpcOptions: CHANNEL,
      ...(tls ? { credentials: etcd3Credentials(tls) } : {}),
      ...(user ? { auth: { username: user.name, password: user.password, callOptions: () => ({ deadline: Date.now() + CALL_MS }) } } : {}),
    });
    this.maintenance = new MaintenanceService(endpoint.replace(/^https?:\/\//, ''), channelCredentials(tls), CHANNEL);
  }

  /** etcd forgets it after minutes: asked for anew for each call. '' where there are no users. */
  async token(): Promise<string> {
    if (!this.#user) return '';
    const { name, password } = this.#user;
    const { token } = await this.etcd3.auth.authenticate({ name, password }, { deadline: Date.now() + CALL_MS });
    return token;
  }

  close(): void {
    this.etcd3.close();
    this.maintenance.close();
  }
}

interface TlsFiles {
  readonly authority: Buffer;
  readonly certificate: Buffer | undefined;
  readonly key: Buffer | undefined;
}

function etcd3Credentials({ authority, certificate, key }: TlsFiles): NonNullable<IOptions['credentials']> {
  return { rootCertificate: authority, ...(certificate && key ? { certChain: certificate, privateKey: key } : {}) };
}

function channelCredentials(tls: TlsFiles | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  return credentials.createSsl(tls.authority, tls.key ?? null, tls.certificate ?? null);
}

function memberStatus(answer: StatusAnswer): MemberStatus {
  const { header } = answer;
  return {
    clusterId: hexadecimal(header.cluster_id),
    memberId: hexadecimal(header.member_id),
    version: answer.version,
    isLeader: answer.leader === header.member_id,
    hasLeader: answer.leader !== '0',
    learner: answer.isLearner,
    appliedIndex: BigInt(answer.raftAppliedIndex),
    revision: header.revision,
    databaseBytes: Number(answer.dbSize),
    inUseBytes: Number(answer.dbSizeInUse),
    quotaBytes: Number(answer.dbSizeQuota),
  };
}

function hexadecimal(decimal: string | number): string {
  return BigInt(decimal).toString(16);
}
