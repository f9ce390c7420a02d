import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessRef } from '../process-identity.ts';
import type { SandboxPaths } from '../state-folder.ts';
import { nodeNetwork, unusedNetwork } from './node-network.ts';
import type { NodeNetwork } from './node-network.ts';

/** Everything of a node that is outside its namespaces. */
export interface NodePlace extends NodeNetwork {
  /** The node's own files, inside the sandbox's folder. */
  readonly folder: string;
  /** The control group of all pods, from the root of each hierarchy. */
  readonly cgroup: string;
}

/** The only node of a sandbox. */
export const NODE_NAME = 'holdfast-node';

/** The first address of the services is the API server's; init-node.sh leads it there. */
export const API_SERVER_SERVICE = '10.96.0.1';

/**
 * Where the sandbox's node is; undefined when it has none. It has one from the first `up --node` until `down`, whether it runs or not.
 */
export async function readNodePlace(paths: SandboxPaths): Promise<NodePlace | undefined> {
  const text = await readFile(recordFile(paths), 'utf8').catch(() => undefined);
  const network = /^\{"network":"(\d+\.\d+)"\}$/.exec(text?.trim() ?? '')?.[1];
  return network === undefined ? undefined : placeOf(paths, network);
}

/** The place that the sandbox's node has, or a new one. */
export async function makeNodePlace(paths: SandboxPaths): Promise<NodePlace> {
  const known = await readNodePlace(paths);
  if (known !== undefined) return known;
  const network = await unusedNetwork();
  const file = recordFile(paths);
  await writeFile(`${file}.new`, `${JSON.stringify({ network })}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return placeOf(paths, network);
}

export async function forgetNodePlace(paths: SandboxPaths): Promise<void> {
  await rm(recordFile(paths), { force: true });
}

/** The first process in the node's namespaces, as init-node.sh has introduced it; undefined before the node is complete. */
export async function readInit(place: NodePlace): Promise<ProcessRef | undefined> {
  const text = await readFile(join(place.folder, 'init.json'), 'utf8').catch(() => '');
  return text === '' ? undefined : (JSON.parse(text) as ProcessRef);
}

function placeOf(paths: SandboxPaths, network: string): NodePlace {
  return { ...nodeNetwork(network), folder: join(paths.folder, 'node'), cgroup: `holdfast-${network.replace('.', '-')}` };
}

function recordFile(paths: SandboxPaths): string {
  return join(paths.folder, 'node.json');
}
