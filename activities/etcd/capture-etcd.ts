import { FILES_STREAM, SNAPSHOT_STREAM, type CapturedEtcd, type CaptureEtcdResult, type EtcdMember } from '../../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { etcdWarnings } from '../../domain/etcd/warnings.ts';
import type { Etcd } from '../../etcd/port.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { StreamKeeper } from '../quiesce/stream-keeper.ts';
import { streamNamed } from '../../repository/read-stream.ts';
import type { ControlPlaneFiles } from './control-plane-files.ts';
import { isUpToDate, surveyMembers, type Survey, type SurveyedMember } from './survey-members.ts';
import { atMember, MemberFailed, takeSnapshot, type TakenSnapshot } from './take-snapshot.ts';

export interface CaptureEtcdWork {
  readonly etcd: Etcd;
  readonly repository: Repository;
  readonly pulse: Pulse;
  /** Absent: they are not asked for. */
  readonly files?: ControlPlaneFiles;
}

/** What is known so far, from whichever member. */
interface Attempt extends CaptureEtcdWork {
  readonly keeper: StreamKeeper;
  /** Why members were passed over, or have failed. */
  readonly problems: HoldfastError[];
  members: readonly EtcdMember[];
}

interface Success {
  readonly member: SurveyedMember;
  readonly survey: Survey;
  readonly snapshot: TakenSnapshot;
}

/** Streams a snapshot of the best member; where that fails, of the next one, and at last of members that the request does not name. */
export async function captureEtcd(work: CaptureEtcdWork): Promise<CaptureEtcdResult> {
  const keeper = new StreamKeeper(work.repository, '', work.pulse.signal);
  const attempt: Attempt = { ...work, keeper, problems: [], members: [] };
  const success = (await fromAny(attempt, work.etcd.endpoints)) ?? (await fromAny(attempt, unnamed(attempt)));
  if (!success) throw nobodyCould(attempt.problems);
  const { files } = work;
  if (files) await keeper.keep(FILES_STREAM, files.content);
  const { streams, part, sizes } = await keeper.finish();
  const etcd = describe(success, {
    members: attempt.members,
    snapshot: streamNamed(streams, SNAPSHOT_STREAM),
    ...(files ? { controlPlaneFiles: streamNamed(streams, FILES_STREAM) } : {}),
  });
  const passedOver = attempt.problems.map(({ message }) => ({ code: 'EtcdMemberPassedOver', message }));
  return { etcd, part, sizes, warnings: [...passedOver, ...etcdWarnings(etcd, success.member.hasLeader), ...(files?.warnings ?? [])] };
}

/** The first whole snapshot that one of these members gives; undefined when none does. */
async function fromAny(attempt: Attempt, endpoints: readonly string[]): Promise<Success | undefined> {
  const { etcd, pulse, problems } = attempt;
  const survey = await surveyMembers(etcd, endpoints);
  pulse.beat();
  problems.push(...survey.failures, ...survey.unfit.map(({ endpoint, reason }) => unfit(endpoint, reason, FailureType.Conflict)));
  for (const member of survey.fit) {
    try {
      attempt.members = await atMember(() => etcd.members(member.endpoint));
      if (await atMember(() => isUpToDate(etcd, survey, member))) {
        return { member, survey, snapshot: await takeSnapshot(attempt, member) };
      }
      problems.push(unfit(member.endpoint, 'it lags behind the others', FailureType.Unavailable));
    } catch (error) {
      if (!(error instanceof MemberFailed)) throw error;
      problems.push(error.reason);
    }
  }
  return undefined;
}

/** Where members can be reached, as they say themselves, beside the endpoints that were given. */
function unnamed({ etcd, members }: Attempt): readonly string[] {
  const urls = members.flatMap(({ clientUrls }) => clientUrls).map((url) => url.replace(/\/$/, ''));
  return [...new Set(urls)].filter((url) => !etcd.endpoints.includes(url));
}

function describe(
  { member, survey, snapshot }: Success,
  kept: Pick<CapturedEtcd, 'members' | 'snapshot' | 'controlPlaneFiles'>,
): CapturedEtcd {
  const { clusterId, version, databaseBytes, inUseBytes, quotaBytes } = member.status;
  const { revision, sha256, takenAt, hash } = snapshot;
  return {
    clusterId,
    version,
    endpoint: member.endpoint,
    ...kept,
    ...{ revision, hash: hash?.hash ?? '', compactRevision: hash?.compactRevision ?? '', sha256 },
    ...{ databaseBytes, inUseBytes, quotaBytes },
    alarms: [...new Set(survey.alarms.map(({ alarm }) => alarm))].sort(),
    takenAt,
  };
}

function unfit(endpoint: string, reason: string, type: FailureType): HoldfastError {
  return new HoldfastError(type, `etcd ${endpoint}: ${reason}`);
}

/** One line. Tried again when for one member at least it is a matter of time. */
function nobodyCould(problems: readonly HoldfastError[]): HoldfastError {
  const [first] = problems;
  if (!first) return new HoldfastError(FailureType.Unavailable, 'etcd: no endpoint answers');
  if (problems.length === 1) return first;
  const { type, advice } = problems.find((problem) => problem.type === FailureType.Unavailable) ?? first;
  const reasons = [...new Set(problems.map(({ message }) => message))].join('; ');
  return new HoldfastError(type, `no member gave a snapshot: ${reasons}`, { advice, cause: first });
}
