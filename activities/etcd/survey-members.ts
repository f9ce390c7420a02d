import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../contracts/failures.ts';
import { rankMembers, type Candidate, type Unfit } from '../../domain/etcd/rank-members.ts';
import type { Alarm, Etcd, MemberStatus } from '../../etcd/port.ts';

/** How long a member may take to get to where another one was when the survey began. */
const CATCH_UP_MS = 3_000;
const POLL_MS = 100;

export interface SurveyedMember extends Candidate {
  readonly status: MemberStatus;
}

export interface Survey {
  /** Members that may give a snapshot, best first. */
  readonly fit: readonly SurveyedMember[];
  readonly unfit: readonly Unfit[];
  /** Why each of the others could not be asked. */
  readonly failures: readonly HoldfastError[];
  readonly alarms: readonly Alarm[];
}

/** Asks every endpoint how it is, at the same time. */
export async function surveyMembers(etcd: Etcd, endpoints: readonly string[]): Promise<Survey> {
  const failures: HoldfastError[] = [];
  const answers = await Promise.all(
    endpoints.map(async (endpoint) => {
      try {
        return { endpoint, status: await etcd.status(endpoint) };
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error;
        failures.push(error);
        return undefined;
      }
    }),
  );
  const known = answers.filter((answer) => answer !== undefined);
  const alarms = await alarmsOf(etcd, known);
  const { fit, unfit } = rankMembers(
    known.map(({ endpoint, status }) => ({
      endpoint,
      status,
      memberId: status.memberId,
      isLeader: status.isLeader,
      hasLeader: status.hasLeader,
      learner: status.learner,
      alarms: alarms.filter(({ memberId }) => memberId === status.memberId).map(({ alarm }) => alarm),
    })),
  );
  return { fit, unfit, failures, alarms };
}

/**
 * True when the member has what any of the surveyed ones had at the survey. One that was cut off from the others, or cannot keep up, does not
 * get there in time: it lags, and its snapshot would lack writes that etcd has acknowledged.
 */
export async function isUpToDate(etcd: Etcd, survey: Survey, { endpoint, status }: SurveyedMember): Promise<boolean> {
  const goal = survey.fit.reduce((newest, other) => (other.status.appliedIndex > newest ? other.status.appliedIndex : newest), 0n);
  const deadline = performance.now() + CATCH_UP_MS;
  let { appliedIndex } = status;
  while (appliedIndex < goal && performance.now() < deadline) {
    await delay(POLL_MS);
    ({ appliedIndex } = await etcd.status(endpoint));
  }
  return appliedIndex >= goal;
}

/** Every member knows the alarms of all. Those that cannot be asked know nothing that matters for the others. */
async function alarmsOf(etcd: Etcd, known: readonly { readonly endpoint: string }[]): Promise<readonly Alarm[]> {
  for (const { endpoint } of known) {
    try {
      return await etcd.alarms(endpoint);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
    }
  }
  return [];
}
