import { makeClientConstructor, Metadata, type ChannelCredentials, type ChannelOptions, type Client } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/**
 * Two calls of etcd's own protocol (api/etcdserverpb/rpc.proto) that etcd3 lacks: it knows Status as it was before 3.6, without the quota, and
 * its HashKV calls a method that is not there. Field numbers are part of etcd's protocol and never change.
 */
const field = (type: string, id: number) => ({ type, id });
const DEFINITION = {
  nested: {
    etcdserverpb: {
      nested: {
        ResponseHeader: {
          fields: {
            cluster_id: field('uint64', 1),
            member_id: field('uint64', 2),
            revision: field('int64', 3),
          },
        },
        StatusRequest: { fields: {} },
        StatusResponse: {
          fields: {
            header: field('ResponseHeader', 1),
            version: field('string', 2),
            dbSize: field('int64', 3),
            leader: field('uint64', 4),
            raftAppliedIndex: field('uint64', 7),
            dbSizeInUse: field('int64', 9),
            isLearner: field('bool', 10),
            dbSizeQuota: field('int64', 12),
          },
        },
        HashKVRequest: { fields: { revision: field('int64', 1) } },
        HashKVResponse: { fields: { hash: field('uint32', 2), compact_revision: field('int64', 3) } },
        Maintenance: {
          methods: {
            Status: { requestType: 'StatusRequest', responseType: 'StatusResponse', comment: '' },
            HashKV: { requestType: 'HashKVRequest', responseType: 'HashKVResponse', comment: '' },
          },
        },
      },
    },
  },
};

/** 64-bit numbers are decimal strings. */
export interface StatusAnswer {
  readonly header: { readonly cluster_id: string; readonly member_id: string; readonly revision: string };
  readonly version: string;
  readonly dbSize: string;
  readonly leader: string;
  readonly raftAppliedIndex: string;
  readonly dbSizeInUse: string;
  readonly isLearner: boolean;
  readonly dbSizeQuota: string;
}

interface HashAnswer {
  readonly hash: number;
  readonly compact_revision: string;
}

interface Calls {
  Status: { readonly request: Record<string, never>; readonly answer: StatusAnswer };
  HashKV: { readonly request: { readonly revision: string }; readonly answer: HashAnswer };
}

const SERVICE = 'etcdserverpb.Maintenance';

/** The calls to one member. */
export class MaintenanceService {
  readonly #client: Client;
  readonly #definition = fromJSON(DEFINITION, { keepCase: true, longs: String, defaults: true })[SERVICE];

  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions) {
    if (!this.#definition || 'format' in this.#definition) throw new Error(`no service ${SERVICE} in the definition`);
    const Service = makeClientConstructor(this.#definition, SERVICE);
    this.#client = new Service(address, credentials, options);
  }

  /** `token`: what logging in has given; '' without users. */
  call<Name extends keyof Calls>(
    name: Name,
    request: Calls[Name]['request'],
    { token, timeoutMs }: { readonly token: string; readonly timeoutMs: number },
  ): Promise<Calls[Name]['answer']> {
    const definition = this.#definition;
    const method = definition && !('format' in definition) ? definition[name] : undefined;
    if (!method) throw new Error(`no method ${name} in the definition`);
    const metadata = new Metadata();
    if (token !== '') metadata.set('token', token);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        (value: object) => method.requestSerialize(value),
        (bytes) => method.responseDeserialize(bytes) as Calls[Name]['answer'],
        request,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, answer) => {
          if (error) reject(error);
          else if (answer === undefined) reject(new Error(`${name} has no answer`));
          else resolve(answer);
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
