import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { RESTORE_RECORDS, type RestoreProjectResult, type RestoreRecord } from '../../contracts/restore.ts';
import type { Orchestrator } from '../../workers/embedded.ts';
import { ExitCode, exitCodeOfPhase } from '../exit-codes.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { phase } from '../output/colours.ts';
import { note, printAnswer } from '../output/print.ts';
import { age, count } from '../output/quantities.ts';
import { countsText, restoreDetails, restoreResultText } from '../output/restore-text.ts';
import { table } from '../output/table.ts';
import { detailOf } from '../runs/follow-run.ts';
import { followOrLeave } from '../runs/follow-or-leave.ts';
import { hasRuns, pickUpOpenRuns, withOrchestrator } from '../runs/orchestration.ts';
import { listRuns, logOf, progressOf, type RunView } from '../runs/run-views.ts';
import { uiLink } from '../runs/start-run.ts';
import { withSession, type Session } from '../session.ts';
import { printLog } from './backup-queries.ts';

type GetOptions = LocationOptions & OutputOptions;
type DescribeOptions = GetOptions & { readonly wait: boolean };

/** The commands about restores that have ended or are under way. */
export function addRestoreQueries(restore: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(restore.command('get [names...]')))
    .description('list restores, newest first')
    .action(async (names: string[], options: GetOptions) => {
      await get(names, options);
    });
  withOutput(withLocation(restore.command('describe <name>')))
    .description('show one restore with its verification, or how far a running one is')
    .option('-w, --wait', 'follow a running restore until it has ended', false)
    .action(async (name: string, options: DescribeOptions) => {
      done(await describe(name, options));
    });
  withLocation(restore.command('logs <name>'))
    .description("print a restore's log, also while it runs")
    .action(async (name: string, options: LocationOptions) => {
      await logs(name, options);
    });
}

async function get(names: readonly string[], options: GetOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const records = (await recordsOf(session, location)).filter(({ name }) => names.length === 0 || names.includes(name));
    for (const name of names) if (!records.some((record) => record.name === name)) throw unknownRestore(name, location);
    const running = names.length === 0 ? await runningRestores(session, location) : [];
    const now = Date.now();
    printAnswer(options.output, {
      data: { location, running, restores: records },
      names: records.map(({ name }) => `restore/${name}`),
      table: (wide) => {
        const rows = records.map((record) => [
          record.name,
          record.backup,
          phase(record.phase),
          record.verification.equal ? 'equal' : 'different',
          count(record.errors.length),
          count(record.warnings.length),
          age(record.startedAt, now),
          ...(wide ? [record.cluster, countsText(record.counts)] : []),
        ]);
        const going = running.map((run) => [run.name, '', phase('Running'), '', '', '', age(run.startedAt, now)]);
        return table(
          ['NAME', 'BACKUP', 'STATUS', 'VERIFIED', 'ERRORS', 'WARNINGS', 'AGE', ...(wide ? ['CLUSTER', 'DONE'] : [])],
          [...going, ...rows],
        );
      },
    });
  });
  await pickUpOpenRuns();
}

async function describe(name: string, options: DescribeOptions): Promise<ExitCode> {
  const code = await withSession(async (session) => {
    const location = session.locationName(options.location);
    const running = await whileRunning(session, { location, name }, (orchestrator, run) => describeRunning(orchestrator, run, options));
    if (running !== undefined) return running;
    const record = await recordOf(session, location, name);
    printAnswer(options.output, { data: record, names: [`restore/${name}`], table: (wide) => restoreDetails(record, wide) });
    return exitCodeOfPhase(record.phase);
  });
  await pickUpOpenRuns();
  return code;
}

async function describeRunning(orchestrator: Orchestrator, run: RunView, options: DescribeOptions): Promise<ExitCode> {
  const { name } = run;
  const handle = orchestrator.client.workflow.getHandle(run.workflowId, run.runId);
  if (options.wait) {
    return followOrLeave({ orchestrator, handle, wait: true, timeoutMs: 0, noun: 'restore', name }, (ended) => {
      const result = ended as RestoreProjectResult;
      printAnswer(options.output, { data: result, names: [`restore/${name}`], table: () => restoreResultText(result) });
      return exitCodeOfPhase(result.phase);
    });
  }
  const progress = await progressOf(handle);
  process.stdout.write(`restore "${name}" ${run.status}${progress ? `, ${progress.step}: ${detailOf(progress)}` : ''}\n`);
  const link = uiLink(orchestrator, run.workflowId, run.runId);
  if (link !== '') note(link);
  return ExitCode.Done;
}

async function logs(name: string, options: LocationOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const running = await whileRunning(session, { location, name }, (orchestrator, run) =>
      logOf(orchestrator.client.workflow.getHandle(run.workflowId)).then((log) => log ?? []),
    );
    printLog(running ?? (await recordOf(session, location, name)).log);
  });
  await pickUpOpenRuns();
}

/** Does something with a restore that is under way; undefined when there is none of that name. */
async function whileRunning<T>(
  session: Session,
  { location, name }: { readonly location: string; readonly name: string },
  work: (orchestrator: Orchestrator, run: RunView) => Promise<T>,
): Promise<T | undefined> {
  if (!(await hasRuns())) return undefined;
  return withOrchestrator(session.configuration, undefined, async (orchestrator) => {
    const runs = await listRuns(orchestrator, 'restore', false);
    const run = runs.find((candidate) => candidate.name === name && candidate.location === location);
    return run && work(orchestrator, run);
  });
}

async function recordOf(session: Session, location: string, name: string): Promise<RestoreRecord> {
  const record = (await recordsOf(session, location)).find((candidate) => candidate.name === name);
  if (!record) throw unknownRestore(name, location);
  return record;
}

/** The accounts kept in the location, newest first. */
async function recordsOf(session: Session, location: string): Promise<readonly RestoreRecord[]> {
  const repository = await session.repository(location);
  const records = (await repository.listRecords(RESTORE_RECORDS)).map(({ body }) => body as RestoreRecord);
  return [...records].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

async function runningRestores(session: Session, location: string): Promise<readonly RunView[]> {
  if (!(await hasRuns())) return [];
  const runs = await withOrchestrator(session.configuration, undefined, (orchestrator) => listRuns(orchestrator, 'restore', false));
  return runs.filter((run) => run.location === location);
}

function unknownRestore(name: string, location: string): HoldfastError {
  return new HoldfastError(FailureType.NotFound, `restore "${name}" is neither running nor recorded in location ${location}`, {
    advice: 'see `holdfast restore get`',
  });
}
