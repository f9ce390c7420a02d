import { join } from 'node:path';
import { credentials, loadPackageDefinition, type ChannelCredentials, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { projectFile } from './place.ts';

type Answer = Readonly<Record<string, unknown>>;
type Call = (request: object, done: (error: ServiceError | null, answer: Answer) => void) => void;
type Service = new (address: string, channel: ChannelCredentials) => Client & Readonly<Record<string, Call>>;

/** Calls a storage driver as kubelet and the sidecars do. */
export class CsiClient {
  readonly #services: readonly (Client & Readonly<Record<string, Call>>)[];

  constructor(socket: string) {
    const file = projectFile(join('sandbox', 'node', 'csi', 'proto', 'csi.proto'));
    const loaded = loadPackageDefinition(loadSync(file, { keepCase: true, longs: Number, defaults: true, oneofs: true }));
    const services = (loaded as unknown as { readonly csi: { readonly v1: Readonly<Record<string, Service>> } }).csi.v1;
    this.#services = ['Identity', 'Controller', 'GroupController', 'Node'].map(
      (name) => new services[name]!(`unix:${socket}`, credentials.createInsecure()),
    );
  }

  /** Rejects with gRPC's error, whose `code` is the driver's. */
  call(method: string, request: object = {}): Promise<Answer> {
    const service = this.#services.find((one) => method in one);
    if (!service) throw new Error(`no service has ${method}`);
    return new Promise((resolve, reject) => {
      service[method]!(request, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
  }

  close(): void {
    for (const service of this.#services) service.close();
  }
}
