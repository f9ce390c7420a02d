import { randomBytes } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { issue, newAuthority, newKeyPair } from './certificates.ts';
import type { Credential } from './certificates.ts';
import { API_SERVER_SERVICE, NODE_NAME } from './node/node-place.ts';

/** Paths of one certificate and its key. */
interface CredentialFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Every key of a sandbox, as files in its folder. */
export interface SandboxKeys {
  readonly etcdAuthority: string;
  readonly etcdServer: CredentialFiles;
  readonly etcdClient: CredentialFiles;
  readonly authority: string;
  readonly apiServer: CredentialFiles;
  readonly admin: CredentialFiles;
  readonly controllerManager: CredentialFiles;
  readonly scheduler: CredentialFiles;
  readonly node: CredentialFiles;
  /** With which the API server comes to kubelet. */
  readonly kubeletClient: CredentialFiles;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
}

/** How pods and their node know the API server. */
const API_SERVER_NAMES = { addresses: [API_SERVER_SERVICE], names: ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'] };

/**
 * The sandbox's keys; made when it has none. etcd has an authority of its own: being the cluster's admin does not open its store. All of
 * them appear at once, so that an interrupted start leaves no half set.
 */
export async function sandboxKeys(sandbox: string): Promise<SandboxKeys> {
  const folder = join(sandbox, 'keys');
  const files = keyFiles(folder);
  if (await exists(folder)) {
    if (await exists(files.kubeletClient.key)) return files;
    throw new HoldfastError(
      FailureType.BadInput,
      `the sandbox in ${sandbox} was made by an earlier Holdfast and lacks keys that this one needs`,
      {
        advice: 'remove it with its data: holdfast sandbox down --purge',
      },
    );
  }
  const unfinished = `${folder}.${randomBytes(4).toString('hex')}`;
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await makeKeys(keyFiles(unfinished));
  await rename(unfinished, folder);
  return files;
}

function keyFiles(folder: string): SandboxKeys {
  const pair = (name: string) => ({ certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) });
  return {
    etcdAuthority: join(folder, 'etcd-ca.crt'),
    etcdServer: pair('etcd-server'),
    etcdClient: pair('etcd-client'),
    authority: join(folder, 'ca.crt'),
    apiServer: pair('kube-apiserver'),
    admin: pair('admin'),
    controllerManager: pair('kube-controller-manager'),
    scheduler: pair('kube-scheduler'),
    node: pair('node'),
    kubeletClient: pair('kubelet-client'),
    serviceAccountKey: join(folder, 'service-account.key'),
    serviceAccountPublicKey: join(folder, 'service-account.pub'),
  };
}

/** The authorities' own keys are not kept: nothing else is ever signed. */
async function makeKeys(files: SandboxKeys): Promise<void> {
  const etcd = newAuthority('holdfast-sandbox-etcd');
  const cluster = newAuthority('holdfast-sandbox');
  const serviceAccounts = newKeyPair();
  await save(files.etcdAuthority, etcd.certificate);
  await save(files.authority, cluster.certificate);
  await save(files.serviceAccountKey, serviceAccounts.privateKey);
  await save(files.serviceAccountPublicKey, serviceAccounts.publicKey);
  await saveCredential(files.etcdServer, issue(etcd, { commonName: 'etcd', usage: 'both' }));
  await saveCredential(files.etcdClient, issue(etcd, { commonName: 'kube-apiserver', usage: 'client' }));
  await saveCredential(files.apiServer, issue(cluster, { commonName: 'kube-apiserver', usage: 'server', alsoKnownAs: API_SERVER_NAMES }));
  const admin = { commonName: 'holdfast-admin', organization: 'system:masters', usage: 'client' } as const;
  await saveCredential(files.admin, issue(cluster, admin));
  await saveCredential(files.controllerManager, issue(cluster, { commonName: 'system:kube-controller-manager', usage: 'client' }));
  await saveCredential(files.scheduler, issue(cluster, { commonName: 'system:kube-scheduler', usage: 'client' }));
  const node = { commonName: `system:node:${NODE_NAME}`, organization: 'system:nodes', usage: 'client' } as const;
  await saveCredential(files.node, issue(cluster, node));
  const kubeletClient = { commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters', usage: 'client' } as const;
  await saveCredential(files.kubeletClient, issue(cluster, kubeletClient));
}

async function saveCredential(files: CredentialFiles, credential: Credential): Promise<void> {
  await save(files.certificate, credential.certificate);
  await save(files.key, credential.key);
}

async function save(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
