import type { Command } from 'commander';
import { repositoryStatistics } from '../../repository/statistics/statistics.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';
import { progressLine } from '../output/progress-line.ts';
import { statisticsText } from '../output/statistics-text.ts';
import { StatusLine } from '../output/status-line.ts';
import { withSession } from '../session.ts';

export function addRepositoryStats(repository: Command): void {
  withOutput(withLocation(repository.command('stats')))
    .description('what a repository holds and costs: by backup and namespace, growth, garbage')
    .action(async (options: LocationOptions & OutputOptions) => {
      await stats(options);
    });
}

async function stats(options: LocationOptions & OutputOptions): Promise<void> {
  await withSession(async (session) => {
    const repository = await session.repository(session.locationName(options.location));
    const status = new StatusLine();
    try {
      const found = await repositoryStatistics(repository, { onProgress: progressLine(status) });
      status.clear();
      printAnswer(options.output, { data: found, names: [found.repository], table: (wide) => statisticsText(found, wide) });
    } finally {
      status.clear();
    }
  });
}
