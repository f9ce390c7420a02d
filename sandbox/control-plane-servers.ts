import { join } from 'node:path';
import type { ServerSpec } from './ready-server.ts';
import type { SandboxKeys } from './sandbox-keys.ts';
import type { SandboxPaths } from './state-folder.ts';
import { answersOk } from './tls-probe.ts';

/** What the three servers of a control plane are made from. */
export interface ControlPlaneParts {
  readonly paths: SandboxPaths;
  readonly keys: SandboxKeys;
  readonly ports: { readonly etcd: number; readonly apiServer: number };
  /** Path of each binary. */
  readonly binary: (tool: ControlPlaneServer) => string;
}

/** In the order in which each needs the one before. */
export const CONTROL_PLANE_SERVERS = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;
export type ControlPlaneServer = (typeof CONTROL_PLANE_SERVERS)[number];
/** The same without controllers: nothing is collected, rescheduled or deleted. */
export const SNAPSHOT_SERVERS = ['etcd', 'kube-apiserver'] as const;

const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc';
const CONTROLLER_QPS = 500;

export function etcdServer({ paths, keys, ports, binary }: ControlPlaneParts): ServerSpec {
  const url = `https://127.0.0.1:${ports.etcd}`;
  const credentialOf = (role: '' | 'peer-') => [
    `--${role}cert-file=${keys.etcdServer.certificate}`,
    `--${role}key-file=${keys.etcdServer.key}`,
    `--${role}trusted-ca-file=${keys.etcdAuthority}`,
    `--${role}client-cert-auth`,
  ];
  return {
    folder: paths.folder,
    name: 'etcd',
    command: binary('etcd'),
    arguments: [
      `--data-dir=${join(paths.folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      // Alone, it needs no peers; the operating system chooses the port.
      '--listen-peer-urls=https://127.0.0.1:0',
      ...credentialOf(''),
      ...credentialOf('peer-'),
      // A sandbox may lose its last second when the machine loses power, and is much faster for it.
      '--unsafe-no-fsync',
      '--quota-backend-bytes=8589934592',
      '--log-level=warn',
    ],
    environment: {},
    isReady: () => answersOk(`${url}/health`, { authority: keys.etcdAuthority, ...keys.etcdClient }),
    stopSeconds: 10,
    patienceMs: 30_000,
  };
}

export function apiServer({ paths, keys, ports, binary }: ControlPlaneParts): ServerSpec {
  return {
    folder: paths.folder,
    name: 'kube-apiserver',
    command: binary('kube-apiserver'),
    arguments: [
      `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
      `--etcd-cafile=${keys.etcdAuthority}`,
      `--etcd-certfile=${keys.etcdClient.certificate}`,
      `--etcd-keyfile=${keys.etcdClient.key}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${ports.apiServer}`,
      `--tls-cert-file=${keys.apiServer.certificate}`,
      `--tls-private-key-file=${keys.apiServer.key}`,
      `--client-ca-file=${keys.authority}`,
      `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
      `--service-account-key-file=${keys.serviceAccountPublicKey}`,
      `--service-account-signing-key-file=${keys.serviceAccountKey}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      // For the node that a sandbox may have; kubelet makes its own certificate, and the way to it does not leave the machine.
      `--kubelet-client-certificate=${keys.kubeletClient.certificate}`,
      `--kubelet-client-key=${keys.kubeletClient.key}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--anonymous-auth=false',
      '--allow-privileged=true',
      '--endpoint-reconciler-type=none',
      // Backups and restores of a whole cluster are the load that this server is for.
      '--max-requests-inflight=2000',
      '--max-mutating-requests-inflight=1000',
      '--delete-collection-workers=8',
      '--profiling=false',
    ],
    environment: {},
    isReady: () => isApiServerReady({ ports, keys }),
    // It would wait a minute for its clients to leave. What it has acknowledged is in etcd, so nothing is lost.
    stopSeconds: 1,
    patienceMs: 90_000,
  };
}

/** `kubeconfig` is the controller manager's own. Ready means that it does its work: the first namespace has got its service account. */
export function controllerManager({ paths, keys, ports, binary }: ControlPlaneParts, kubeconfig: string): ServerSpec {
  const proof = `https://127.0.0.1:${ports.apiServer}/api/v1/namespaces/default/serviceaccounts/default`;
  return {
    folder: paths.folder,
    name: 'kube-controller-manager',
    command: binary('kube-controller-manager'),
    arguments: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      // It needs to be asked nothing.
      '--secure-port=0',
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${keys.serviceAccountKey}`,
      `--root-ca-file=${keys.authority}`,
      `--kube-api-qps=${CONTROLLER_QPS}`,
      `--kube-api-burst=${CONTROLLER_QPS * 2}`,
      '--concurrent-namespace-syncs=20',
    ],
    environment: {},
    isReady: () => answersOk(proof, adminOf(keys)),
    stopSeconds: 10,
    patienceMs: 60_000,
  };
}

/** `query` can leave checks out. */
export function isApiServerReady({ ports, keys }: Pick<ControlPlaneParts, 'ports' | 'keys'>, query = ''): Promise<boolean> {
  return answersOk(`https://127.0.0.1:${ports.apiServer}/readyz${query}`, adminOf(keys));
}

function adminOf(keys: SandboxKeys) {
  return { authority: keys.authority, ...keys.admin };
}
