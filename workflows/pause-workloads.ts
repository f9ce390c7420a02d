import { CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { BlockedClaim, PauseActivities } from '../contracts/activities.ts';
import type { QuiesceState, QuiesceTask } from '../contracts/quiesce.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import type { CapturedVolume } from '../contracts/volume.ts';
import * as policy from './activity-options.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { planPause } = proxyActivities<PauseActivities>(policy.decide);
const { pauseWorkload, resumeWorkload } = proxyActivities<PauseActivities>(policy.quiesce);

interface Paused {
  readonly task: QuiesceTask;
  state?: QuiesceState;
}

/**
 * Does `work` while nothing mounts the volumes: their workloads are scaled down, and up again in every case. It is given the claims that something
 * mounts all the same.
 */
export async function whilePaused(
  volumes: readonly CapturedVolume[],
  { input, ledger }: { readonly input: RestoreProjectInput; readonly ledger: RunLedger },
  work: (blocked: readonly BlockedClaim[]) => Promise<void>,
): Promise<void> {
  const place = { restore: input, runId: workflowInfo().runId };
  const plan = await ledger.during('plan pause', () => planPause({ restore: input, volumes }));
  const blocked: BlockedClaim[] = [...plan.blocked];
  const paused: Paused[] = [];
  try {
    for (const task of plan.tasks) {
      // Before it is begun: an attempt that is cut off half-way is undone, too.
      const pause: Paused = { task };
      paused.push(pause);
      const done = await orIssue(
        () => ledger.during(`scale down ${task.namespace}/${task.application}`, () => pauseWorkload({ ...place, task })),
        (cause) => ({ code: 'NotPaused', message: `${task.namespace}/${task.application}: ${cause}` }),
      );
      if (isIssue(done)) blocked.push(...task.claims.map((claim) => ({ namespace: task.namespace, claim, reason: done.message })));
      else {
        ledger.warn(done.warnings);
        pause.state = done.state;
      }
    }
    await work(blocked);
  } finally {
    await CancellationScope.nonCancellable(async () => {
      for (const { task, state } of paused.reverse()) {
        const resumed = await orIssue(
          () =>
            ledger.during(`scale up ${task.namespace}/${task.application}`, () =>
              resumeWorkload({ ...place, task, ...(state ? { state } : {}) }),
            ),
          (cause) => ({
            code: 'NotResumed',
            message: `${task.namespace}/${task.application} was not scaled up again: ${cause}`,
            advice: 'its annotation holdfast.dev/scaled-down says how many replicas it had; `kubectl scale` sets them',
          }),
        );
        if (isIssue(resumed)) ledger.fail([resumed]);
        else ledger.warn(resumed.warnings);
      }
    });
  }
}
