import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { handleUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { CsiError } from './csi-error.ts';

/** Methods by name; what they get is what their message says. */
type Methods = Readonly<Record<string, (request: never) => Promise<object>>>;

interface OfferedService {
  /** File below proto/. */
  readonly proto: 'csi.proto' | 'registration.proto';
  /** With its package. */
  readonly name: string;
  readonly methods: Methods;
}

/** Serves on a socket, in place of one that an earlier process has left. */
export async function serve(socket: string, services: readonly OfferedService[]): Promise<Server> {
  const server = new Server();
  for (const { proto, name, methods } of services) server.addService(definitionOf(proto, name), implementationOf(methods));
  await mkdir(dirname(socket), { recursive: true });
  await rm(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return server;
}

function definitionOf(proto: string, name: string): ServiceDefinition {
  const file = fileURLToPath(new URL(`proto/${proto}`, import.meta.url));
  const definition = loadSync(file, { keepCase: true, longs: Number, defaults: true, oneofs: true })[name];
  if (definition === undefined || 'format' in definition) throw new Error(`${proto} has no service ${name}`);
  return definition;
}

function implementationOf(methods: Methods): UntypedServiceImplementation {
  const handlers = Object.entries(methods).map(([name, method]): [string, handleUnaryCall<unknown, object>] => [
    name,
    (call, done) => {
      method(call.request as never).then(
        (answer) => {
          done(null, answer);
        },
        (error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          process.stderr.write(`${name}: ${message}\n`);
          done({ code: error instanceof CsiError ? error.code : status.INTERNAL, message });
        },
      );
    },
  ]);
  return Object.fromEntries(handlers);
}
