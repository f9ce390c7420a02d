import { setTimeout as delay } from 'node:timers/promises';
import type { VerifyBatchInput } from '../../contracts/activities.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import { RestoreAction, type Difference, type VerificationReport } from '../../contracts/restore.ts';
import { mapNamespaces } from '../../domain/plan/mapping.ts';
import { planObject, type ObjectPlan } from '../../domain/plan/restore-plan.ts';
import { refId, resourceKey } from '../../domain/resource/identity.ts';
import type { OrderedSegment } from '../../domain/resource/order.ts';
import { addReports, MAX_DIFFERENCES, NOTHING_COMPARED } from '../../domain/restore/reports.ts';
import { refOf } from '../apply/apply-object.ts';
import { isOwnWork } from '../apply/field-manager.ts';
import { chunks } from '../apply/chunks.ts';
import { inFlight } from '../apply/in-flight.ts';
import { capturedOf, isLost, type LostObject } from '../apply/lost-objects.ts';
import { readItems, segmentsOf, type CapturedObject, type RestoreSession } from '../apply/restore-session.ts';
import type { Pulse } from '../heartbeat.ts';
import { matchByList, placeOf } from './match-by-list.ts';

/** From this many objects of one kind on, a list is cheaper than asking for each. */
const LIST_FROM = 30;
const WIDTH = 32;
const CHUNK = 250;
/** Controllers finish what they write to new objects within this time; what differs then differs. */
const SETTLE_MS = 1_500;

/** Compares what is live with what was captured, kind by kind, in flat memory. */
export async function verifyRestored(session: RestoreSession, input: VerifyBatchInput, pulse: Pulse): Promise<VerificationReport> {
  const segments = input.batches.flatMap((batch) => segmentsOf(session, batch));
  let report = NOTHING_COMPARED;
  for (const kind of byKind(segments)) {
    report = addReports(report, await verifyKind({ session, serverTime: input.serverTime, pulse }, kind));
  }
  return report;
}

interface Verification {
  readonly session: RestoreSession;
  readonly serverTime: string;
  readonly pulse: Pulse;
}

/** Objects of one kind. Those that a list shows to be equal are done; each of the others is looked at on its own. */
async function verifyKind(verification: Verification, segments: readonly OrderedSegment[]): Promise<VerificationReport> {
  const { session, pulse } = verification;
  const count = segments.reduce((sum, segment) => sum + segment.count, 0);
  const matched = count < LIST_FROM ? new Set<string>() : await matchByList(session, segments, pulse);
  let report: VerificationReport = { ...NOTHING_COMPARED, compared: matched.size };
  for await (const items of chunks(readItems(session.repository, segments, pulse.signal), CHUNK)) {
    for (const lost of items.filter(isLost)) report = addReports(report, lossReport(lost));
    const objects = capturedOf(items);
    const rest = objects.filter(
      ({ object, type }) => !matched.has(placeOf(mapNamespaces(object, type, session.context.options.namespaceMapping))),
    );
    await session.owners.learn(
      rest.map(({ object }) => object),
      pulse.signal,
    );
    const verdicts = await inFlight(rest, WIDTH, (captured) => verifyTwice(captured, verification));
    for (const verdict of verdicts) report = addReports(report, reportOf(verdict));
    pulse.beat();
  }
  return report;
}

type Verdict = 'not-selected' | 'excluded' | 'equal' | Difference;

/** A difference is believed when it is still there after controllers had time to settle. */
async function verifyTwice(captured: CapturedObject, verification: Verification): Promise<Verdict> {
  const first = await verifyOne(captured, verification);
  if (typeof first === 'string') return first;
  await delay(SETTLE_MS, undefined, { signal: verification.pulse.signal });
  return verifyOne(captured, verification);
}

async function verifyOne(captured: CapturedObject, { session, serverTime, pulse }: Verification): Promise<Verdict> {
  const request = { captured: captured.object, type: captured.type, context: session.context };
  const blind = planObject({ ...request, live: undefined });
  if (blind === undefined) return 'not-selected';
  if (blind.action === RestoreAction.Omit) return 'excluded';
  const ref = refOf(captured, blind);
  const live = (await session.cluster.get(ref, { signal: pulse.signal }))?.object;
  const plan = planObject({ ...request, live }) ?? blind;
  const ours = live !== undefined && isOwnWork(live, session.restore.name, serverTime);
  return verdictOf(plan, ref, ours);
}

/** `ours`: this restore made the live object. */
function verdictOf(plan: ObjectPlan, ref: ObjectRef, ours: boolean): Verdict {
  switch (plan.action) {
    case RestoreAction.Unchanged:
      return 'equal';
    case RestoreAction.Omit:
    case RestoreAction.Refuse:
      return 'excluded';
    case RestoreAction.Create:
      return differenceOf(ref, 'missing', []);
    case RestoreAction.Skip:
      // Left alone on purpose, unless it is this restore's own work that changed under its hands.
      return ours ? differenceOf(ref, 'different', plan.differs ?? []) : 'excluded';
    case RestoreAction.Update:
    case RestoreAction.Replace:
    case RestoreAction.Conflict:
      return differenceOf(ref, 'different', plan.differs ?? []);
  }
}

function differenceOf(ref: ObjectRef, kind: Difference['kind'], fields: readonly string[]): Difference {
  return { object: refId(ref), kind, fields: fields.slice(0, MAX_DIFFERENCES) };
}

function reportOf(verdict: Verdict): VerificationReport {
  if (verdict === 'not-selected') return NOTHING_COMPARED;
  if (verdict === 'excluded') return { ...NOTHING_COMPARED, excluded: 1 };
  if (verdict === 'equal') return { ...NOTHING_COMPARED, compared: 1 };
  return { equal: false, compared: 1, differences: [verdict], differenceCount: 1, excluded: 0 };
}

/** What the backup cannot show any more cannot be equal. */
function lossReport({ run, first }: LostObject): VerificationReport {
  const differences = first ? [{ object: run.objectId, kind: 'missing' as const, fields: [] }] : [];
  return { ...NOTHING_COMPARED, equal: false, differences, differenceCount: 1 };
}

/** The segments of each kind. */
function byKind(segments: readonly OrderedSegment[]): readonly (readonly OrderedSegment[])[] {
  return [...Map.groupBy(segments, ({ type }) => resourceKey(type)).values()];
}
