import { HoldfastError } from '../contracts/failures.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import { AUTOSCALERS } from '../domain/resource/autoscaler.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { PluginContext } from './plugin.ts';
import { nameOf } from './pod-containers.ts';
import { taskWarning } from './task.ts';

/**
 * Names the autoscalers of a workload. Kubernetes' own stands still while the count is 0; those that others drive (KEDA) may start pods again,
 * which `release` then finds out.
 */
export async function autoscalerWarnings(
  task: QuiesceTask,
  context: PluginContext,
  workload: { readonly kind: string; readonly name: string },
): Promise<readonly Issue[]> {
  const request = { type: AUTOSCALERS, namespace: task.namespace, labelSelector: '', limit: 500, exactRevision: '', continueToken: '' };
  try {
    const { items } = await context.cluster.listPage(request, { signal: context.signal });
    const targets = items
      .map(({ object }) => object)
      .filter(
        (object) =>
          textAt(object, 'spec', 'scaleTargetRef', 'kind') === workload.kind &&
          textAt(object, 'spec', 'scaleTargetRef', 'name') === workload.name,
      );
    return targets.map((object) =>
      taskWarning(task, {
        code: 'Autoscaled',
        problem: `the autoscaler ${nameOf(object)} scales it too`,
        advice: 'it stands still while the count is 0; pause whatever drives it from outside (KEDA) during backups',
      }),
    );
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof HoldfastError)) throw error;
    const advice = 'grant the right to list horizontalpodautoscalers, or look yourself that none starts pods during backups';
    return [taskWarning(task, { code: 'AutoscalersUnknown', problem: `its autoscalers cannot be read: ${error.message}`, advice })];
  }
}
