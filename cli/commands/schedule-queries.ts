import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { printSchedule } from '../../domain/schedule/expression.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { scheduleCells, scheduleDetails } from '../output/schedule-text.ts';
import { table } from '../output/table.ts';
import { remembersRuns, withOrchestrator } from '../runs/orchestration.ts';
import { viewSchedules, type ScheduleView } from '../schedules/schedule-views.ts';
import { listSchedules } from '../schedules/temporal-schedules.ts';
import { noteUnserved, unservedClusters } from '../schedules/worker-presence.ts';
import { withSession } from '../session.ts';

/** The commands that only look. */
export function addScheduleQueries(schedule: Command): void {
  withOutput(schedule.command('get [names...]'))
    .description('list schedules with their last good run, next run and recovery point objective, overdue ones first')
    .action(async (names: string[], options: OutputOptions) => {
      await get(names, options);
    });
  withOutput(schedule.command('describe <name>'))
    .description('show one schedule: what it does, its next and last runs, and how far behind it is')
    .action(async (name: string, options: OutputOptions) => {
      await describe(name, options);
    });
}

async function get(names: readonly string[], options: OutputOptions): Promise<void> {
  const { views, unserved } = await look(names);
  const now = Date.now();
  printAnswer(options.output, {
    data: { schedules: views.map(published), unservedClusters: unserved },
    names: views.map(({ schedule }) => `schedule/${schedule.name}`),
    table: () =>
      table(
        ['NAME', 'DOES', 'STATE', 'SCHEDULE', 'LAST GOOD', 'NEXT RUN', 'RPO', 'TARGET', 'STATUS'],
        views.map((view) => scheduleCells(view, now)),
      ),
  });
  tell(views, unserved);
}

async function describe(name: string, options: OutputOptions): Promise<void> {
  const { views, unserved } = await look([name]);
  const [view] = views;
  if (!view) return;
  printAnswer(options.output, { data: published(view), names: [`schedule/${name}`], table: () => scheduleDetails(view) });
  tell(views, unserved);
}

/** Without a server there are no schedules, and none is started to learn that. */
async function look(names: readonly string[]): Promise<{ readonly views: readonly ScheduleView[]; readonly unserved: readonly string[] }> {
  const found = remembersRuns()
    ? await withSession((session) =>
        withOrchestrator(session.configuration, undefined, async (orchestrator) => {
          const all = await listSchedules(orchestrator);
          const wanted = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
          const active = wanted.filter(({ paused }) => !paused).map(({ input }) => input.cluster);
          return {
            views: await viewSchedules({ session, orchestrator }, wanted),
            unserved: await unservedClusters(orchestrator, active),
          };
        }),
      )
    : { views: [], unserved: [] };
  const missing = names.find((name) => !found.views.some(({ schedule }) => schedule.name === name));
  if (missing === undefined) return found;
  throw new HoldfastError(FailureType.NotFound, `there is no schedule "${missing}"`, { advice: 'see `holdfast schedule get`' });
}

function tell(views: readonly ScheduleView[], unserved: readonly string[]): void {
  for (const { schedule, problem } of views) if (problem !== '') note(`warning: schedule "${schedule.name}": ${problem}`);
  noteUnserved(unserved);
}

/** What `-o json` shows; its shape is published. */
function published({ schedule, lastGood, rpo, problem }: ScheduleView): unknown {
  const { expression, input, recentRuns, running, ...rest } = schedule;
  return {
    ...rest,
    expression: printSchedule(expression),
    cluster: input.cluster,
    location: input.location,
    action: input.action,
    attempts: input.attempts,
    retryAfterSeconds: input.retryAfterSeconds,
    recentRuns,
    running,
    ...(lastGood ? { lastGood } : {}),
    rpo,
    problem,
  };
}
