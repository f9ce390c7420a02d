import { InvalidArgumentError, Option, type Command } from 'commander';
import { stringify } from 'yaml';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { nextRuns } from '../../domain/schedule/next-runs.ts';
import { printSchedule } from '../../domain/schedule/expression.ts';
import { parseInstant, printInstant } from '../../domain/time/instant.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  labelPairs,
  withClusterOptions,
  withLocation,
  withOutput,
  withSelection,
  withWaiting,
  type ClusterOptions,
  type LocationOptions,
  type OutputOptions,
  type WaitOptions,
} from '../options.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { defineSchedule, type DefinitionOptions, type ScheduleDefinition } from '../schedules/definition.ts';
import { withRetention, retentionOf, type RetentionOptions } from '../schedules/retention-options.ts';
import { followTriggered } from '../schedules/trigger.ts';
import { createSchedule, findSchedule, onSchedule, refuseKnownSchedule } from '../schedules/temporal-schedules.ts';
import { noteUnserved, unservedClusters } from '../schedules/worker-presence.ts';
import { namedCluster, withSession } from '../session.ts';
import { readBackupHooks } from '../hooks/hook-file.ts';
import { clusterStateOf, withClusterState, type ClusterStateOptions } from '../cluster-state-options.ts';
import { volumeRequestOf, withVolumeCapture, type VolumeCaptureOptions } from '../volumes/volume-options.ts';
import { addScheduleQueries } from './schedule-queries.ts';

type CreateOptions = ClusterOptions &
  LocationOptions &
  OutputOptions &
  RetentionOptions &
  VolumeCaptureOptions &
  ClusterStateOptions &
  Omit<DefinitionOptions, 'retention' | 'volumeRequest' | 'hookRules' | 'clusterState'> & { readonly dryRun: boolean };

interface BackfillOptions {
  readonly from: string;
  readonly to: string;
}

const PREVIEWED_RUNS = 5;

export function scheduleCommand(program: Command, done: (code: ExitCode) => void): void {
  const schedule = program.command('schedule').description('recurring backups, checks and syncs of Git, with retention');
  withOutput(
    withScheduleOptions(
      withClusterState(
        withVolumeCapture(withRetention(withSelection(withLocation(withClusterOptions(schedule.command('create <name>')))))),
      ),
    ),
  )
    .description('make a recurring backup, with --check a recurring check of a location, with --git-only a recurring sync of Git')
    .action(async (name: string, options: CreateOptions) => {
      await create(name, options);
    });
  addScheduleQueries(schedule);
  schedule
    .command('pause <name>')
    .description('let nothing of it run until it is unpaused; a run that is going on ends')
    .option('--reason <text>', 'kept with it', 'paused by holdfast schedule pause')
    .action(async (name: string, { reason }: { readonly reason: string }) => {
      await change(name, (handle) => handle.pause(reason), 'paused');
    });
  schedule
    .command('unpause <name>')
    .description('let it run again')
    .option('--reason <text>', 'kept with it', 'unpaused by holdfast schedule unpause')
    .action(async (name: string, { reason }: { readonly reason: string }) => {
      await change(name, (handle) => handle.unpause(reason), 'unpaused');
    });
  withWaiting(schedule.command('trigger <name>'))
    .description('run it now, besides its own times')
    .action(async (name: string, options: WaitOptions) => {
      done(await followTriggered(name, options));
    });
  schedule
    .command('backfill <name>')
    .description('run it now for every time between two instants at which it was due and did not run')
    .requiredOption('--from <time>', 'such as 2026-11-20T00:00:00Z')
    .requiredOption('--to <time>', 'such as 2026-11-21T00:00:00Z')
    .action(async (name: string, options: BackfillOptions) => {
      await backfill(name, options);
    });
  schedule
    .command('delete <names...>')
    .description('remove schedules; their backups stay')
    .option('--confirm', 'do it without asking', false)
    .addOption(new Option('-y, --yes', 'the same').hideHelp().default(false))
    .action(async (names: string[], { confirm, yes }: { readonly confirm: boolean; readonly yes: boolean }) => {
      await remove(names, confirm || yes);
    });
}

function withScheduleOptions(command: Command): Command {
  return command
    .requiredOption('--schedule <expression>', 'when: "30 2 * * *", "CRON_TZ=Europe/Berlin @daily", "@every 6h"')
    .option('--timezone <zone>', 'of the expression, e.g. Europe/Berlin', '')
    .option('--check', 'check the location instead of making a backup', false)
    .option('--read-data [share]', 'with --check: read the content of packs, too, all or e.g. 10%')
    .option('--git-only', 'with --git: bring these remotes to the live state instead of making a backup (docs/git.md)', false)
    .option('--labels <key=value>', 'labels of its backups (comma-separated, repeatable)', labelPairs, {})
    .option('--ttl <time>', 'how long each backup lives at least, e.g. 720h')
    .option('--rpo <time>', 'how old the newest good run may be, e.g. 26h (default: twice the longest interval)')
    .option('--overlap <policy>', 'a run is due while the last goes on: skip, buffer-one or cancel', 'skip')
    .option('--catch-up <time>', 'make up for runs missed no longer ago than this', '1h')
    .option('--jitter <time>', 'start each run late by a random part of this', '0')
    .option('--attempts <count>', 'how often a failed run is tried in all', wholeNumber, 3)
    .option('--retry-after <time>', 'time between attempts', '5m')
    .option('--paused', 'create it paused', false)
    .option('--dry-run', 'show its next runs and create nothing', false);
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const cluster = await namedCluster(options);
  await withSession(async (session) => {
    const place = { cluster: cluster.name, location: options.gitOnly ? '' : session.locationName(options.location) };
    const volumeRequest = await volumeRequestOf(options);
    const hookRules = options.hooks === undefined ? undefined : await readBackupHooks(options.hooks);
    const clusterState = clusterStateOf(options, session.configuration);
    const definition = defineSchedule(name, place, {
      ...options,
      retention: retentionOf(options),
      volumeRequest,
      hookRules,
      clusterState,
    });
    if (options.output === 'yaml' || options.output === 'json') {
      process.stdout.write(
        options.output === 'yaml' ? stringify(published(definition)) : `${JSON.stringify(published(definition), null, 2)}\n`,
      );
      return;
    }
    const preview = `next runs: ${nextRuns(definition.expression, new Date().toISOString(), PREVIEWED_RUNS).join(', ')}`;
    if (options.dryRun) {
      process.stdout.write(`${preview}\nnothing was created\n`);
      return;
    }
    await withOrchestrator(session.configuration, undefined, async (orchestrator) => {
      // Before the note is written: it must stay that of the schedule that exists.
      await refuseKnownSchedule(orchestrator, name);
      if (orchestrator.embedded) await orchestrator.scheduledWork.note({ id: name, cluster: cluster.name, access: cluster.access });
      await createSchedule(orchestrator, definition);
      process.stdout.write(`schedule "${name}" created: ${printSchedule(definition.expression)}\n${preview}\n`);
      if (!definition.paused && (await unservedClusters(orchestrator, [cluster.name])).length > 0) noteUnserved([cluster.name]);
    });
  }, cluster);
}

/** What `-o yaml` shows; its shape is published. */
function published({ name, expression, input, overlap, catchUpSeconds, jitterSeconds, paused }: ScheduleDefinition): unknown {
  const { schedule: _name, ...rest } = input;
  return { name, expression: printSchedule(expression), ...rest, overlap, catchUpSeconds, jitterSeconds, paused };
}

type Handle = Parameters<Parameters<typeof onSchedule>[2]>[0];

async function change(name: string, work: (handle: Handle) => Promise<unknown>, what: string): Promise<void> {
  await withSession((session) =>
    withOrchestrator(session.configuration, undefined, async (orchestrator) => {
      await onSchedule(orchestrator, name, work);
      process.stdout.write(`schedule "${name}" ${what}\n`);
    }),
  );
}

async function backfill(name: string, options: BackfillOptions): Promise<void> {
  const [from, to] = [instant('--from', options.from), instant('--to', options.to)];
  if (from >= to) throw new HoldfastError(FailureType.BadInput, '--from is not before --to');
  await withSession((session) =>
    withOrchestrator(session.configuration, undefined, async (orchestrator) => {
      const { expression, input } = await findSchedule(orchestrator, name);
      const due = nextRuns(expression, printInstant(from - 1), 1_000).filter((time) => (parseInstant(time) ?? 0) <= to);
      // Buffered: one after the other, each backup named after its own time.
      await onSchedule(orchestrator, name, (handle) =>
        handle.backfill({ start: new Date(from), end: new Date(to), overlap: 'BUFFER_ALL' }),
      );
      process.stdout.write(`schedule "${name}": ${due.length} runs asked for\n`);
      noteUnserved(await unservedClusters(orchestrator, [input.cluster]));
    }),
  );
}

function instant(option: string, text: string): number {
  const time = parseInstant(text);
  if (time !== undefined) return time;
  throw new HoldfastError(FailureType.BadInput, `${option} "${text}" is not a time`, { advice: 'write 2026-11-20T00:00:00Z' });
}

async function remove(names: readonly string[], confirmed: boolean): Promise<void> {
  if (!confirmed) {
    throw new HoldfastError(FailureType.BadInput, `this removes ${names.map((name) => `schedule "${name}"`).join(', ')}`, {
      advice: 'add --confirm to do it; the backups stay',
    });
  }
  await withSession((session) =>
    withOrchestrator(session.configuration, undefined, async (orchestrator) => {
      for (const name of names) await findSchedule(orchestrator, name);
      for (const name of names) {
        await onSchedule(orchestrator, name, (handle) => handle.delete());
        await orchestrator.scheduledWork.remove(name);
        process.stdout.write(`schedule "${name}" deleted; its backups stay\n`);
      }
    }),
  );
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 100) throw new InvalidArgumentError('write a whole number from 1 to 100');
  return number;
}
