import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { checkPolicy } from '../../domain/retention/policy.ts';
import { pruneBackups, type PruneResult, type PruneSelection } from '../../repository/prune.ts';
import { withClusterOptions, withLocation, withOutput, type ClusterOptions, type LocationOptions, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { table } from '../output/table.ts';
import { retentionOf, withRetention, type RetentionOptions } from '../schedules/retention-options.ts';
import { withSession } from '../session.ts';
import { dropKeptSnapshots } from '../volumes/drop-kept-snapshots.ts';

type PruneCommandOptions = LocationOptions &
  ClusterOptions &
  OutputOptions &
  RetentionOptions & {
    readonly schedule?: string;
    readonly selector?: string;
    readonly cluster?: string;
    readonly all: boolean;
    readonly dryRun: boolean;
  };

export function addBackupPrune(backup: Command): void {
  withRetention(withOutput(withLocation(withClusterOptions(backup.command('prune')))))
    .description('delete the backups that no rule keeps: what has outlived its time to live, and with --keep-... all that these leave')
    .option('--schedule <name>', 'of the backups that this schedule has made')
    .option('-l, --selector <selector>', 'of the backups whose labels match')
    .option('--cluster <name>', 'of the backups of this cluster (name or uid)')
    .option('--all', 'of all backups in the location', false)
    .option('--dry-run', 'only show what would go, and why', false)
    .action(async (options: PruneCommandOptions) => {
      await prune(options);
    });
}

async function prune(options: PruneCommandOptions): Promise<void> {
  const select = selectionOf(options);
  const policy = retentionOf(options);
  checkPolicy(policy);
  await withSession(async (session) => {
    const location = session.locationName(options.location);
    const repository = await session.services.maintenanceRepository(location);
    const { dryRun } = options;
    const result = await pruneBackups(repository, {
      select,
      policy,
      dryRun,
      now: new Date().toISOString(),
      beforeFilesGo: dropKeptSnapshots(options),
    });
    const going = result.decisions.filter(({ action }) => action === 'remove').map(({ point }) => point.name);
    if (result.unreadable.length > 0) {
      note(
        `warning: entries ${result.unreadable.join(', ')} of the chain cannot be read; older backups stay: see "holdfast repository check"`,
      );
    }
    printAnswer(options.output, {
      data: {
        location,
        dryRun,
        policy,
        backups: result.decisions.map(decisionData),
        removed: result.removed,
        locked: result.locked,
        unreadable: result.unreadable,
      },
      names: going.map((name) => `backup/${name}`),
      table: (wide) => pruneTable(result, wide),
    });
    for (const { name, until } of result.locked) {
      note(`backup "${name}" is removed; a lock keeps its file${until === '' ? '' : ` until ${until}`}, and gc deletes it after that`);
    }
    note(
      result.decisions.length === 0
        ? `no backup in location ${location} is selected`
        : `${dryRun ? 'dry run: ' : ''}${going.length} of ${result.decisions.length} backups ${dryRun ? 'would be' : 'were'} removed`,
    );
  });
}

function selectionOf({ schedule, selector, cluster, all }: PruneCommandOptions): PruneSelection {
  const given = { schedule, selector, cluster };
  const named = Object.values(given).some((value) => value !== undefined);
  if (named === all || Object.values(given).includes('')) {
    throw new HoldfastError(
      FailureType.BadInput,
      all ? '--all goes with no other choice of backups' : 'backup prune needs to know which backups',
      {
        advice: 'name them with --schedule, --selector or --cluster, or take --all',
      },
    );
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function decisionData({ point, action, reasons }: PruneResult['decisions'][number]): unknown {
  const { name, sequence, cluster, schedule, phase, completedAt, expiresAt, held } = point;
  return { name, sequence, cluster: cluster.name, schedule, phase, completedAt, expiresAt, held: held !== undefined, action, reasons };
}

function pruneTable({ decisions }: PruneResult, wide: boolean): string {
  const rows = decisions.map(({ point, action, reasons }) => [
    point.name,
    point.completedAt.replace(/\.\d+Z$/, 'Z'),
    ...(wide ? [point.phase, point.schedule ?? '', point.cluster.name] : []),
    action,
    reasons.join(', '),
  ]);
  return table(['NAME', 'COMPLETED', ...(wide ? ['STATUS', 'SCHEDULE', 'CLUSTER'] : []), 'ACTION', 'WHY'], rows);
}
