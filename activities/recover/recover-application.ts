import type { RecoverApplicationInput, RecoverApplicationResult } from '../../contracts/activities.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { QuiescePlugin } from '../../plugins/plugin.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { readStream, streamNamed } from '../../repository/read-stream.ts';
import { awaitPod } from './restored-pod.ts';

export interface RecoverWork {
  readonly plugin: QuiescePlugin;
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly input: RecoverApplicationInput;
  readonly pulse: Pulse;
}

/** Has the plugin bring an application back in its restored pods. Rejects when it cannot be brought back. */
export async function recoverApplication({ plugin, cluster, repository, input, pulse }: RecoverWork): Promise<RecoverApplicationResult> {
  const { task, state, streams } = input.application;
  const { options } = input.restore;
  const namespace = mapNamespace(options.namespaceMapping, task.namespace);
  const result = { plugin: task.plugin, namespace, application: task.application };
  if (!plugin.recover) return { ...result, outcome: 'left', reason: 'everything of it is in its files', warnings: [] };
  const moved: QuiesceTask = { ...task, namespace };
  const pod = await awaitPod({ cluster, task: moved, timeoutMs: options.readinessTimeoutMs, pulse });
  const { left, warnings } = await plugin.recover({ ...moved, settings: { ...task.settings, pod } }, state, {
    cluster,
    run: input.runId,
    signal: pulse.signal,
    beat: () => {
      pulse.beat();
    },
    read: (name) => readStream(repository, streamNamed(streams, name), pulse.signal),
    inPlace: options.volumes?.inPlace === true,
    options: options.pluginOptions?.[task.plugin] ?? {},
  });
  return { ...result, outcome: left === undefined ? 'recovered' : 'left', reason: left ?? '', warnings };
}
