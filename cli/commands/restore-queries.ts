import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { RESTORE_RECORDS, type RestoreProjectResult, type RestoreRecord } from '../../contracts/restore.ts';
import { exitCodeOfPhase, type ExitCode } from '../exit-codes.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { phase } from '../output/colours.ts';
import { printAnswer } from '../output/print.ts';
import { age, count } from '../output/quantities.ts';
import { countsText, restoreDetails, restoreResultText } from '../output/restore-text.ts';
import { table } from '../output/table.ts';
import { describeRun } from '../runs/describe-run.ts';
import { hasRuns, pickUpOpenRuns, remembersRuns, withOrchestrator, withRun } from '../runs/orchestration.ts';
import { listRuns, logOf, type RunView } from '../runs/run-views.ts';
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
    const ended = (result: unknown): ExitCode => showResult(result as RestoreProjectResult, options);
    const going = (await runningRestores(session, location)).find((run) => run.name === name);
    const record = going ? undefined : (await recordsOf(session, location)).find((candidate) => candidate.name === name);
    if (record) {
      printAnswer(options.output, { data: record, names: [`restore/${name}`], table: (wide) => restoreDetails(record, wide) });
      return exitCodeOfPhase(record.phase);
    }
    const workflowId = going?.workflowId ?? (await rememberedId(session, location, name));
    const told = await withRun(session.configuration, workflowId, (run) =>
      describeRun(run, { noun: 'restore', name, wait: options.wait, ended }),
    );
    if (told === undefined) throw unknownRestore(name, location);
    return told;
  });
  await pickUpOpenRuns();
  return code;
}

function showResult(result: RestoreProjectResult, options: OutputOptions): ExitCode {
  printAnswer(options.output, { data: result, names: [`restore/${result.name}`], table: () => restoreResultText(result) });
  return exitCodeOfPhase(result.phase);
}

async function logs(name: string, options: LocationOptions): Promise<void> {
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const record = (await recordsOf(session, location)).find((candidate) => candidate.name === name);
    const log =
      record?.log ?? (await withRun(session.configuration, await rememberedId(session, location, name), ({ handle }) => logOf(handle)));
    if (!log) throw unknownRestore(name, location);
    printLog(log);
  });
  await pickUpOpenRuns();
}

/** The id of a restore that left no account: it goes on, or failed. */
async function rememberedId(session: Session, location: string, name: string): Promise<string> {
  if (!remembersRuns()) throw unknownRestore(name, location);
  const runs = await withOrchestrator(session.configuration, undefined, (orchestrator) => listRuns(orchestrator, 'restore', true));
  const run = runs.find((candidate) => candidate.name === name && candidate.location === location);
  if (!run) throw unknownRestore(name, location);
  return run.workflowId;
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
