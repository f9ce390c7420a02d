import { homedir } from 'node:os';
import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where Holdfast keeps what must survive a restart: HOLDFAST_STATE_DIR, or the user's state folder by the XDG rules. */
export function stateFolder(environment: Environment = process.env): string {
  const home = environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return environment['HOLDFAST_STATE_DIR'] ?? join(home, 'holdfast');
}

/** Where Holdfast keeps what it can make again: HOLDFAST_CACHE_DIR, or the user's cache folder by the XDG rules. */
export function cacheFolder(environment: Environment = process.env): string {
  const home = environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return environment['HOLDFAST_CACHE_DIR'] ?? join(home, 'holdfast');
}

export interface SandboxPaths {
  readonly name: string;
  readonly folder: string;
  readonly lock: string;
  readonly kubeconfig: string;
  readonly context: string;
  /** The folder of the sandbox's Temporal server. */
  readonly temporal: string;
  /** The folder for the cluster's `hostPath` volumes. */
  readonly volumes: string;
}

/** Where one sandbox is kept. A name that is not a short DNS label is `BadInput`. */
export function sandboxPaths(name: string, state: string): SandboxPaths {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new HoldfastError(FailureType.BadInput, `"${name}" cannot name a sandbox`, {
      advice: 'use up to 40 lower-case letters, digits and dashes, with a letter or digit at both ends',
    });
  }
  const folder = join(sandboxesFolder(state), name);
  return {
    name,
    folder,
    lock: join(state, 'sandbox-locks', `${name}.lock`),
    kubeconfig: join(folder, 'kubeconfig'),
    context: `holdfast-${name}`,
    temporal: join(folder, 'temporal'),
    volumes: join(folder, 'volumes'),
  };
}

export function sandboxesFolder(state: string): string {
  return join(state, 'sandboxes');
}
