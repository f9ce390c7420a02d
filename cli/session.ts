import type { Cluster } from '../kubernetes/port.ts';
import type { Repository } from '../repository/repository.ts';
import { findLocation, loadConfiguration, type Configuration } from '../workers/configuration.ts';
import { createServices, type KubeconfigContext, type Services } from '../workers/dependencies.ts';
import { openTerminal } from './keys/terminal.ts';
import type { ClusterOptions } from './options.ts';

/** What one command works with; closed when the command ends. */
export interface Session {
  readonly configuration: Configuration;
  readonly services: Services;
  /** The full name of a location: '' stands for the default one. */
  locationName(given: string): string;
  repository(location: string): Promise<Repository>;
  close(): Promise<void>;
}

/** The cluster that a command names, by its context. */
export interface NamedCluster {
  readonly name: string;
  readonly access: KubeconfigContext;
  /** No other process can reach it, so that this one does its work. */
  readonly isOnlyHere?: boolean;
}

async function openSession(cluster?: NamedCluster): Promise<Session> {
  const configuration = await loadConfiguration();
  const terminal = openTerminal();
  const services = createServices({
    configuration,
    clusters: new Map(cluster ? [[cluster.name, cluster.access]] : []),
    ...(terminal ? { askSecret: (question) => terminal.askHidden(question) } : {}),
  });
  return {
    configuration,
    services,
    locationName: (given) => findLocation(configuration, given).name,
    repository: (location) => services.repository(location),
    close: () => services.close(),
  };
}

/** Runs a command's work with a session, and closes it whatever happens. */
export async function withSession<T>(work: (session: Session) => Promise<T>, cluster?: NamedCluster): Promise<T> {
  const session = await openSession(cluster);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Finds the context that the options mean; its name is the cluster's name. Reads the kubeconfig, asks no server. */
export async function namedCluster(options: ClusterOptions): Promise<NamedCluster> {
  const { contextName } = await import('../workers/dependencies.ts');
  const access = { kubeconfig: options.kubeconfig ?? '', context: options.context ?? options.kubecontext ?? '' };
  return { name: await contextName(access), access };
}

/** Connects and makes sure that the server answers: an unreachable cluster is one line before anything is started. */
export async function reachableCluster(session: Session, cluster: NamedCluster): Promise<Cluster> {
  const connected = await session.services.cluster(cluster.name);
  await connected.version({ signal: AbortSignal.timeout(15_000) });
  return connected;
}
