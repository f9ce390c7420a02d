import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { EtcdAccess } from '../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { EtcdSettings } from '../etcd/etcd-client.ts';
import { readSecret, SecretSource } from './secret-sources.ts';

const text = z.string().min(1);

const nodeFolder = z.string().regex(/^\/[^\0]+$/, 'is no absolute path');

/**
 * `clusters` in the configuration file: how a cluster's etcd is reached by backups that do not say (paths are of the worker's machine), and where its
 * control-plane nodes keep their files, if not where kubeadm does (paths are of the nodes).
 */
export const ClusterSettings = z.strictObject({
  etcd: z
    .strictObject({
      endpoints: z.array(z.string().regex(/^https?:\/\/[^/]+$/, 'is no http(s)://host:port')).min(1),
      caFile: text.exactOptional(),
      certFile: text.exactOptional(),
      keyFile: text.exactOptional(),
      username: text.exactOptional(),
      password: SecretSource.exactOptional(),
    })
    .exactOptional(),
  controlPlaneFiles: z.strictObject({ pki: nodeFolder, manifests: nodeFolder }).exactOptional(),
});
type ClusterSettings = z.infer<typeof ClusterSettings>;

export interface EtcdSources {
  readonly cluster: string;
  /** From the request; what it says wins. */
  readonly access: EtcdAccess | undefined;
  /** The configuration's `clusters`. */
  readonly clusters: Readonly<Record<string, ClusterSettings>> | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Reads everything that a connection needs. `BadInput` names the file or setting that is missing; no content appears in a message. */
export async function etcdSettings({ cluster, access, clusters, environment }: EtcdSources): Promise<EtcdSettings> {
  const configured = clusters?.[cluster]?.etcd;
  const reach = access ?? configured;
  if (!reach) {
    throw new HoldfastError(FailureType.BadInput, `it is not said where the etcd of "${cluster}" is`, {
      advice: `give --endpoints, or clusters.${cluster}.etcd in the configuration`,
    });
  }
  if ((reach.certFile === undefined) !== (reach.keyFile === undefined)) {
    throw new HoldfastError(FailureType.BadInput, 'a client certificate and its key go together', { advice: 'give both --cert and --key' });
  }
  const [authority, certificate, key] = await Promise.all([reach.caFile, reach.certFile, reach.keyFile].map(readPem));
  const user = await userOf(configured, environment);
  return {
    endpoints: reach.endpoints,
    ...(authority ? { authority } : {}),
    ...(certificate ? { certificate } : {}),
    ...(key ? { key } : {}),
    ...(user ? { user } : {}),
  };
}

/** The configuration's user, otherwise etcdctl's: `ETCDCTL_USER` with `ETCDCTL_PASSWORD`, or both in the first. */
async function userOf(
  configured: ClusterSettings['etcd'],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<EtcdSettings['user']> {
  if (configured?.username !== undefined) {
    const password = configured.password ? await readSecret(configured.password, 'the password for etcd') : '';
    return { name: configured.username, password: password.trimEnd() };
  }
  const given = environment['ETCDCTL_USER'];
  if (given === undefined || given === '') return undefined;
  const [name = '', ...rest] = given.split(':');
  return { name, password: environment['ETCDCTL_PASSWORD'] ?? rest.join(':') };
}

async function readPem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new HoldfastError(FailureType.BadInput, `etcd: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`, {
      advice: 'correct the path; it is of the machine that the worker runs on',
      cause: error,
    });
  }
  if (content.includes('-----BEGIN ')) return content;
  throw new HoldfastError(FailureType.BadInput, `etcd: ${file} is not PEM`, { advice: 'give the file that etcdctl is given' });
}
