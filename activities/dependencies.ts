import type { Cluster } from '../kubernetes/port.ts';
import type { Repository } from '../repository/repository.ts';

/** Everything that activities reach the world through. workers/dependencies.ts builds it; the clients are shared and long-lived. */
export interface ActivityDependencies {
  /** The cluster of that name, connected. `NotFound` when this worker does not serve it. */
  cluster(name: string): Promise<Cluster>;
  /** The repository in the location of that name, opened and with a fresh index. */
  repository(location: string): Promise<Repository>;
}
