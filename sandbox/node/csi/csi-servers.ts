import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ServerSpec } from '../../ready-server.ts';
import type { SandboxKeys } from '../../sandbox-keys.ts';
import type { SandboxPaths } from '../../state-folder.ts';
import { answerTo } from '../../tls-probe.ts';
import { insideNode } from '../enter-node.ts';
import { NODE_PATH } from '../node-path.ts';
import { NODE_NAME, readInit } from '../node-place.ts';
import type { NodePlace } from '../node-place.ts';
import { DRIVER, DRIVER_SOCKET } from './driver-name.ts';

/** Programs of the Kubernetes storage project that stand between the API server and any driver. */
export const SIDECARS = ['csi-provisioner', 'csi-snapshotter', 'snapshot-controller'] as const;
type Sidecar = (typeof SIDECARS)[number];

/** In the order in which each needs the one before. */
export const CSI_SERVERS = ['csi-driver', ...SIDECARS] as const;

export interface CsiParts {
  readonly paths: SandboxPaths;
  readonly place: NodePlace;
  readonly keys: SandboxKeys;
  readonly apiServerPort: number;
  readonly binary: (tool: Sidecar) => string;
  /** Of the cluster's admin, for use inside the node. */
  readonly kubeconfig: string;
}

const MAIN = fileURLToPath(new URL('driver.ts', import.meta.url));
const QPS = 200;

/** The driver itself. Ready means that kubelet knows it and that it answers. */
export async function driverServer({ paths, place, keys, apiServerPort }: CsiParts): Promise<ServerSpec> {
  const own = ['--folder', join(place.folder, 'data', 'csi'), '--cgroup', place.cgroup];
  const [command, ...args] = await insideNode(place, [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...own]);
  const url = `https://127.0.0.1:${apiServerPort}/apis/storage.k8s.io/v1/csinodes/${NODE_NAME}`;
  return {
    folder: paths.folder,
    name: 'csi-driver',
    command,
    arguments: args,
    environment: { PATH: NODE_PATH },
    isReady: async () => {
      const init = await readInit(place);
      if (init === undefined || !(await accepts(`/proc/${init.pid}/root${DRIVER_SOCKET}`))) return false;
      const csiNode = await answerTo(url, { authority: keys.authority, ...keys.admin });
      return csiNode !== undefined && knowsDriver(JSON.parse(csiNode));
    },
    stopSeconds: 5,
    patienceMs: 60_000,
  };
}

/** A sidecar inside the node, as in other clusters. What is asked of the cluster before one runs can wait. */
export async function sidecarServer(name: Sidecar, { paths, place, kubeconfig, binary }: CsiParts): Promise<ServerSpec> {
  const [command, ...args] = await insideNode(place, [binary(name), ...argumentsOf(name), `--kubeconfig=${kubeconfig}`]);
  return {
    folder: paths.folder,
    name,
    command,
    arguments: [...args],
    environment: { PATH: NODE_PATH },
    isReady: () => Promise.resolve(true),
    stopSeconds: 5,
    patienceMs: 10_000,
  };
}

function argumentsOf(name: Sidecar): readonly string[] {
  const shared = ['--leader-election=false', `--kube-api-qps=${QPS}`, `--kube-api-burst=${QPS * 2}`];
  const withDriver = [...shared, `--csi-address=${DRIVER_SOCKET}`, '--timeout=10m'];
  switch (name) {
    case 'csi-provisioner':
      return [...withDriver, '--feature-gates=Topology=true'];
    case 'csi-snapshotter':
      return withDriver;
    case 'snapshot-controller':
      return shared;
  }
}

const CSI_NODE = z.object({ spec: z.object({ drivers: z.array(z.object({ name: z.string() })).nullish() }) });

function knowsDriver(csiNode: unknown): boolean {
  return CSI_NODE.parse(csiNode).spec.drivers?.some(({ name }) => name === DRIVER) === true;
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (ready: boolean) => () => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}
