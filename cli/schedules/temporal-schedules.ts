import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleDescription,
  type ScheduleOptions,
  type ScheduleOverlapPolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { RunScheduleInput } from '../../contracts/schedule.ts';
import { attributesOfNewRun } from '../../contracts/search-attributes.ts';
import { clusterTaskQueue, scheduleId, scheduleNameOf } from '../../contracts/workflow-ids.ts';
import { parseSchedule, printSchedule, type ScheduleExpression } from '../../domain/schedule/expression.ts';
import { temporalOverlap } from '../../domain/schedule/run-policies.ts';
import { temporalTimes } from '../../domain/schedule/temporal-spec.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import type { ScheduleDefinition } from './definition.ts';

/** A schedule as the server knows it. */
export interface KnownSchedule {
  readonly name: string;
  readonly expression: ScheduleExpression;
  readonly input: RunScheduleInput;
  readonly paused: boolean;
  /** Why it is paused; ''. */
  readonly note: string;
  readonly createdAt: string;
  /** ISO-8601, the server's own reckoning, jitter included. */
  readonly nextRuns: readonly string[];
  /** Newest first. */
  readonly recentRuns: readonly {
    readonly workflowId: string;
    readonly runId: string;
    readonly scheduledAt: string;
    readonly startedAt: string;
  }[];
  readonly running: readonly string[];
  readonly overlap: NonNullable<ScheduleOverlapPolicy>;
  readonly catchUpSeconds: number;
  readonly jitterSeconds: number;
}

/** Creates it; `AlreadyExists` when there is one of that name. */
export async function createSchedule(orchestrator: Orchestrator, definition: ScheduleDefinition): Promise<void> {
  try {
    await orchestrator.client.schedule.create(scheduleOptions(definition));
  } catch (error) {
    throw error instanceof ScheduleAlreadyRunning ? known(definition.name, error) : error;
  }
}

/** The same, before anything is written for it. */
export async function refuseKnownSchedule(orchestrator: Orchestrator, name: string): Promise<void> {
  try {
    await orchestrator.client.schedule.getHandle(scheduleId(name)).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return;
    throw error;
  }
  throw known(name);
}

function known(name: string, cause?: unknown): HoldfastError {
  return new HoldfastError(FailureType.AlreadyExists, `schedule "${name}" exists`, {
    advice: 'delete it first with `holdfast schedule delete`, or choose another name',
    cause,
  });
}

/** All of them, by name. */
export async function listSchedules(orchestrator: Orchestrator): Promise<KnownSchedule[]> {
  const names: string[] = [];
  for await (const summary of orchestrator.client.schedule.list()) {
    const name = scheduleNameOf(summary.scheduleId);
    if (name !== undefined) names.push(name);
  }
  const found = await Promise.all(
    names.sort().map((name) =>
      findSchedule(orchestrator, name).catch((error: unknown) => {
        // Deleted since the list was made.
        if (error instanceof HoldfastError && error.type === FailureType.NotFound) return undefined;
        throw error;
      }),
    ),
  );
  return found.filter((schedule) => schedule !== undefined);
}

export async function findSchedule(orchestrator: Orchestrator, name: string): Promise<KnownSchedule> {
  return onSchedule(orchestrator, name, async (handle) => knownSchedule(name, await handle.describe()));
}

/** Does something with a schedule; `NotFound` when there is none of that name. */
export async function onSchedule<T>(
  orchestrator: Orchestrator,
  name: string,
  work: (handle: ReturnType<Orchestrator['client']['schedule']['getHandle']>) => Promise<T>,
): Promise<T> {
  try {
    return await work(orchestrator.client.schedule.getHandle(scheduleId(name)));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new HoldfastError(FailureType.NotFound, `there is no schedule "${name}"`, {
      advice: 'see `holdfast schedule get`',
      cause: error,
    });
  }
}

function scheduleOptions({ name, expression, input, ...how }: ScheduleDefinition): ScheduleOptions {
  const attributes = attributesOfNewRun({ kind: 'schedule', name, cluster: input.cluster, location: input.location });
  return {
    scheduleId: scheduleId(name),
    spec: { ...temporalTimes(expression), jitter: how.jitterSeconds * 1_000 },
    action: {
      type: 'startWorkflow',
      workflowType: 'runSchedule',
      workflowId: `${scheduleId(name)}/run`,
      taskQueue: clusterTaskQueue(input.cluster),
      args: [input],
      staticSummary: `schedule ${name}`,
      typedSearchAttributes: attributes.map(([attribute, value]) => ({
        key: defineSearchAttributeKey(attribute, SearchAttributeType.KEYWORD),
        value,
      })),
    },
    policies: { overlap: temporalOverlap(how.overlap), catchupWindow: how.catchUpSeconds * 1_000 },
    state: { paused: how.paused, ...(how.paused ? { note: 'created paused' } : {}) },
    // The server keeps calendars; this is how people wrote them.
    memo: { schedule: printSchedule(expression) },
  };
}

function knownSchedule(name: string, { action, info, memo, policies, spec, state }: ScheduleDescription): KnownSchedule {
  const [input] = action.args as readonly [RunScheduleInput];
  return {
    name,
    expression: parseSchedule(memo?.['schedule'] as string),
    input,
    paused: state.paused,
    note: state.note ?? '',
    createdAt: info.createdAt.toISOString(),
    nextRuns: state.paused ? [] : info.nextActionTimes.map((time) => time.toISOString()),
    recentRuns: info.recentActions
      .map(({ action: run, scheduledAt, takenAt }) => ({
        workflowId: run.workflow.workflowId,
        runId: run.workflow.firstExecutionRunId,
        scheduledAt: scheduledAt.toISOString(),
        startedAt: takenAt.toISOString(),
      }))
      .toReversed(),
    running: info.runningActions.map((run) => run.workflow.workflowId),
    overlap: policies.overlap ?? 'SKIP',
    catchUpSeconds: policies.catchupWindow / 1_000,
    jitterSeconds: (spec.jitter ?? 0) / 1_000,
  };
}
