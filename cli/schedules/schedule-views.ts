import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { SEARCH_ATTRIBUTES } from '../../contracts/search-attributes.ts';
import { bySeverity, rpoStatus, type RpoStatus } from '../../domain/schedule/recovery-point-objective.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import type { Session } from '../session.ts';
import type { KnownSchedule } from './temporal-schedules.ts';

/** A schedule with what it has achieved. */
export interface ScheduleView {
  readonly schedule: KnownSchedule;
  /** The newest good run; absent when there has been none. */
  readonly lastGood?: { readonly name: string; readonly completedAt: string };
  readonly rpo: RpoStatus;
  /** Why it is not known what the location holds; '' when it is. */
  readonly problem: string;
}

/** Schedules with their newest good runs, the worst first. A location that cannot be read is said so, and hides no schedule. */
export async function viewSchedules(
  { session, orchestrator }: { readonly session: Session; readonly orchestrator: Orchestrator },
  schedules: readonly KnownSchedule[],
): Promise<ScheduleView[]> {
  const now = new Date().toISOString();
  const views: ScheduleView[] = [];
  const catalogues = new Catalogues(session);
  for (const schedule of schedules) {
    const found = await lastGoodRun(catalogues, orchestrator, schedule);
    const lastGood = 'problem' in found ? undefined : found.run;
    const { rpoSeconds } = schedule.input;
    const rpo = rpoStatus({
      expression: schedule.expression,
      createdAt: schedule.createdAt,
      paused: schedule.paused,
      now,
      ...(lastGood ? { lastGoodAt: lastGood.completedAt } : {}),
      ...(rpoSeconds === undefined ? {} : { targetSeconds: rpoSeconds }),
    });
    views.push({ schedule, rpo, problem: 'problem' in found ? found.problem : '', ...(lastGood ? { lastGood } : {}) });
  }
  return views.sort((a, b) => bySeverity(a.rpo, b.rpo) || (a.schedule.name < b.schedule.name ? -1 : 1));
}

type Found = { readonly run?: { readonly name: string; readonly completedAt: string } } | { readonly problem: string };

async function lastGoodRun(catalogues: Catalogues, orchestrator: Orchestrator, schedule: KnownSchedule): Promise<Found> {
  if (schedule.input.action.type !== 'backup') return lastGoodTurn(orchestrator, schedule.name);
  try {
    const backup = await newestGoodBackup(catalogues, { location: schedule.input.location, schedule: schedule.name });
    return backup ? { run: backup } : {};
  } catch (error) {
    if (error instanceof HoldfastError) return { problem: error.message };
    throw error;
  }
}

/** The backups of each location, read once: many schedules share one. */
class Catalogues {
  readonly #session: Session;
  readonly #read = new Map<string, Promise<readonly BackupManifest[]>>();

  constructor(session: Session) {
    this.#session = session;
  }

  of(location: string): Promise<readonly BackupManifest[]> {
    const reading = this.#read.get(location) ?? this.#list(location);
    this.#read.set(location, reading);
    return reading;
  }

  async #list(location: string): Promise<readonly BackupManifest[]> {
    return (await (await this.#session.repository(location)).backups()).map(({ manifest }) => manifest);
  }
}

/** Backups that a schedule has made. */
export interface MadeBySchedule {
  readonly location: string;
  readonly schedule: string;
  readonly partiallyFailedToo?: boolean;
}

/** What a schedule has made and is complete; a partly failed one counts only when asked for. */
async function newestGoodBackup(
  catalogues: Catalogues,
  { location, schedule, partiallyFailedToo = false }: MadeBySchedule,
): Promise<{ readonly name: string; readonly completedAt: string } | undefined> {
  const made = (await catalogues.of(location)).filter((manifest) => manifest.schedule === schedule);
  const good = made.filter(({ phase }) => phase === 'Completed' || partiallyFailedToo);
  const newest = good.sort((a, b) => (a.completedAt < b.completedAt ? -1 : 1)).at(-1);
  return newest && { name: newest.name, completedAt: newest.completedAt };
}

/** The same, for a restore that is asked for a schedule; `NotFound` when there is none. */
export async function goodBackupOf(session: Session, wanted: MadeBySchedule): Promise<string> {
  const found = await newestGoodBackup(new Catalogues(session), wanted);
  if (found) return found.name;
  throw new HoldfastError(FailureType.NotFound, `schedule "${wanted.schedule}" has no good backup in location ${wanted.location}`, {
    advice: 'see `holdfast backup get`; --allow-partially-failed takes a partly failed one',
  });
}

/** Of what leaves no backup, from the runs that the server remembers. */
async function lastGoodTurn(orchestrator: Orchestrator, name: string): Promise<Found> {
  const query = `${SEARCH_ATTRIBUTES.kind} = 'schedule' AND ${SEARCH_ATTRIBUTES.name} = '${name}' AND ${SEARCH_ATTRIBUTES.phase} = 'Completed'`;
  let newest: { readonly name: string; readonly completedAt: string } | undefined;
  for await (const run of orchestrator.client.workflow.list({ query })) {
    const completedAt = run.closeTime?.toISOString() ?? '';
    if (completedAt > (newest?.completedAt ?? '')) newest = { name: run.workflowId, completedAt };
  }
  return newest ? { run: newest } : {};
}
