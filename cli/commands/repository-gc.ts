import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { parseDuration } from '../../domain/time/duration.ts';
import { ExitCode } from '../exit-codes.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { gcSummary, gcText } from '../output/gc-text.ts';
import { note, printAnswer } from '../output/print.ts';
import { progressLine } from '../output/progress-line.ts';
import { StatusLine } from '../output/status-line.ts';
import { withSession } from '../session.ts';

interface GcCommandOptions extends LocationOptions, OutputOptions {
  readonly dryRun: boolean;
  readonly grace: string;
  /** Commander's form of `--no-running-backups`. */
  readonly runningBackups: boolean;
}

export function addRepositoryGc(repository: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(repository.command('gc')))
    .description('free what no backup needs any more, volumes included; safe while backups run; exits with 4 when it met something damaged')
    .option('--dry-run', 'explain every byte of the location and what would become of it, and write nothing', false)
    .option('--grace <time>', 'how long unneeded packs are kept, and kept on once they are condemned', '72h')
    .option('--no-running-backups', 'promise that nothing writes to the location meanwhile: allows --grace 0s, and is for gc at a copy')
    .action(async (options: GcCommandOptions) => {
      done(await gc(options));
    });
}

async function gc(options: GcCommandOptions): Promise<ExitCode> {
  const graceMs = Math.round(parseDuration(options.grace, '--grace') * 1_000);
  if (graceMs === 0 && options.runningBackups) throw noGrace();
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    // The chain of a copy is that of the original: an entry of its own would make it something else.
    const isCopy = session.configuration.locations.some(({ copyTo = [] }) => copyTo.includes(location));
    const status = new StatusLine();
    const show = progressLine(status);
    try {
      const report = await session.services.collectGarbage(location, {
        graceMs,
        nobodyWrites: isCopy || !options.runningBackups,
        dryRun: options.dryRun,
        onProgress: (progress) => {
          show({ ...progress, bytes: 0 });
        },
      });
      status.clear();
      printAnswer(options.output, {
        data: report,
        names: [
          ...report.locked.map(({ key }) => key),
          ...report.volumes.flatMap(({ forgotten }) => forgotten.map(({ snapshot }) => snapshot)),
        ],
        table: (wide) => gcText(report, wide),
      });
      for (const { message, advice } of report.warnings) note(`warning: ${message}${advice === undefined ? '' : `; ${advice}`}`);
      note(gcSummary(report));
      return report.warnings.length === 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    } finally {
      status.clear();
    }
  });
}

function noGrace(): HoldfastError {
  return new HoldfastError(FailureType.BadInput, 'without a grace, gc would take what running backups are about to use', {
    advice: 'give a grace such as 72h, or make sure that no backup runs and say so with --no-running-backups',
  });
}
