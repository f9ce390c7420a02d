import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runningServer } from '../process-keeper.ts';
import { isAlive } from '../process-identity.ts';
import type { ServerSpec } from '../ready-server.ts';
import type { SandboxKeys } from '../sandbox-keys.ts';
import type { SandboxPaths } from '../state-folder.ts';
import { answerTo } from '../tls-probe.ts';
import { insideNode } from './enter-node.ts';
import type { NodeFiles } from './node-files.ts';
import { NODE_PATH } from './node-path.ts';
import { NODE_NAME, readInit } from './node-place.ts';
import type { NodePlace } from './node-place.ts';

export interface NodeParts {
  readonly paths: SandboxPaths;
  readonly place: NodePlace;
  readonly keys: SandboxKeys;
  readonly files: NodeFiles;
  readonly apiServerPort: number;
  readonly binary: (tool: 'kubelet' | 'kube-scheduler') => string;
  /** Folders of this machine that everything in the node can read, wherever they are. */
  readonly keep: readonly string[];
}

/** In the order in which each needs the one before. */
export const NODE_SERVERS = ['node', 'containerd', 'kubelet', 'kube-scheduler'] as const;

export const HOLDER = fileURLToPath(new URL('hold-node.sh', import.meta.url));

/** What both scripts of the node are told. */
export function nodeEnvironment(place: NodePlace, more: { readonly apiServerPort: number; readonly keep: readonly string[] }) {
  return {
    PATH: NODE_PATH,
    FOLDER: place.folder,
    LINK: place.link,
    HOST_ADDRESS: place.hostAddress,
    NODE_ADDRESS: place.nodeAddress,
    POD_SUBNET: place.podSubnet,
    CGROUP: place.cgroup,
    API_SERVER_PORT: `${more.apiServerPort}`,
    KEEP: more.keep.join('\n'),
  };
}

/** The namespaces that the other two run in. When it ends, so does everything of the node. */
export function holder({ paths, place, apiServerPort, keep }: NodeParts): ServerSpec {
  return {
    folder: paths.folder,
    name: 'node',
    command: 'sh',
    arguments: [HOLDER, 'hold'],
    environment: nodeEnvironment(place, { apiServerPort, keep }),
    isReady: async () => {
      const init = await readInit(place);
      return init !== undefined && isAlive(init);
    },
    stopSeconds: 10,
    patienceMs: 20_000,
  };
}

export async function containerd({ paths, place, files }: NodeParts): Promise<ServerSpec> {
  const [command, ...args] = await insideNode(place, ['containerd', '--config', files.containerd, '--log-level', 'warn']);
  return {
    folder: paths.folder,
    name: 'containerd',
    command,
    arguments: args,
    environment: { PATH: NODE_PATH },
    isReady: async () => {
      const init = await readInit(place);
      return init !== undefined && accepts(join('/proc', String(init.pid), 'root', 'run', 'containerd', 'containerd.sock'));
    },
    stopSeconds: 5,
    patienceMs: 30_000,
  };
}

/** `kubeconfig` is the node's own. Ready means that the API server has heard so from this kubelet, and not from one before it. */
export async function kubelet({ paths, place, keys, files, apiServerPort, binary }: NodeParts, kubeconfig: string): Promise<ServerSpec> {
  const [command, ...args] = await insideNode(place, [
    binary('kubelet'),
    `--config=${files.kubelet}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${place.nodeAddress}`,
  ]);
  const url = `https://127.0.0.1:${apiServerPort}/api/v1/nodes/${NODE_NAME}`;
  return {
    folder: paths.folder,
    name: 'kubelet',
    command,
    arguments: args,
    environment: { PATH: NODE_PATH },
    isReady: async () => {
      const started = (await runningServer(paths.folder, 'kubelet'))?.startedAt;
      const node = await answerTo(url, { authority: keys.authority, ...keys.admin });
      return started !== undefined && node !== undefined && saysReadySince(JSON.parse(node), Date.parse(started));
    },
    stopSeconds: 5,
    patienceMs: 60_000,
  };
}

/** Runs outside the node, like the other parts of the control plane. A pod that is there before it can wait. */
export function scheduler({ paths, binary }: NodeParts, kubeconfig: string): ServerSpec {
  return {
    folder: paths.folder,
    name: 'kube-scheduler',
    command: binary('kube-scheduler'),
    arguments: [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
    environment: {},
    isReady: () => Promise.resolve(true),
    stopSeconds: 5,
    patienceMs: 10_000,
  };
}

const NODE = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), lastHeartbeatTime: z.string() })).default([]),
  }),
});

function saysReadySince(node: unknown, sinceMs: number): boolean {
  const ready = NODE.parse(node).status.conditions.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' && Date.parse(ready.lastHeartbeatTime) >= sinceMs;
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
