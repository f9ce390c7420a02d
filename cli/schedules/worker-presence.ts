import { clusterTaskQueue } from '../../contracts/workflow-ids.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import { note } from '../output/print.ts';

/** Workers ask for work about once a minute; the server remembers them for five. */
const ABSENT_AFTER_MS = 75_000;

/** The clusters, of those given, that no worker serves now: what is due for them waits. Sorted. */
export async function unservedClusters(orchestrator: Orchestrator, clusters: Iterable<string>): Promise<string[]> {
  const unserved: string[] = [];
  for (const cluster of [...new Set(clusters)].sort()) {
    const { pollers } = await orchestrator.client.workflowService.describeTaskQueue({
      namespace: orchestrator.namespace,
      taskQueue: { name: clusterTaskQueue(cluster) },
    });
    const seen = pollers.some(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < ABSENT_AFTER_MS);
    if (!seen) unserved.push(cluster);
  }
  return unserved;
}

/** What runs only when somebody does the work. */
export function noteUnserved(clusters: readonly string[]): void {
  for (const cluster of clusters) {
    note(`warning: no worker serves cluster "${cluster}": nothing runs until \`holdfast worker run --context ${cluster}\` does`);
  }
}
