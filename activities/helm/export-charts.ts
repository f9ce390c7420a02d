import type { ExportChartsInput, ExportChartsResult } from '../../contracts/helm.ts';
import type { Charts } from '../../helm/port.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import { StreamKeeper } from '../quiesce/stream-keeper.ts';
import { recordsOfBackup } from './find-records.ts';
import { pushCharts } from './push-charts.ts';
import { surveyReleases, type ExportedRelease } from './survey-releases.ts';
import { hashOfValues } from './values-hash.ts';

interface ExportWork {
  readonly repository: Repository;
  readonly charts: Charts;
}

/** The charts of all releases among a backup's objects: kept in the location, listed, and pushed. */
export async function exportCharts(work: ExportWork, input: ExportChartsInput, { signal, beat }: Pulse): Promise<ExportChartsResult> {
  const { repository, charts } = work;
  const survey = await surveyReleases(
    charts,
    recordsOfBackup(repository, { parts: input.parts }, { signal, beat }),
    hashOfValues(repository),
  );

  const keeper = new StreamKeeper(repository, '', signal);
  const archives = new Map(survey.releases.map((release) => [streamName(release), release.archive]));
  for (const [name, { bytes }] of archives) {
    await keeper.keep(name, asStream(bytes));
    beat();
  }
  const { streams, part, sizes } = await keeper.finish();
  const kept = new Map(streams.map((stream) => [stream.name, stream]));

  const pushed = await pushCharts(charts, { archives: [...archives.values()], pushTo: input.pushTo }, { signal, beat });
  const releases = survey.releases.map((release) => {
    const archive = kept.get(streamName(release));
    const references = pushed.references.get(release.archive.sha256) ?? [];
    return { ...release.inventory, ...(archive ? { archive } : {}), pushed: references };
  });
  const warnings = [...survey.warnings, ...pushed.warnings];
  return { releases, part, sizes, warnings, errors: [...survey.errors, ...pushed.errors] };
}

/** The same chart of many releases is kept once. */
function streamName({ archive: { name, version, sha256 } }: ExportedRelease): string {
  return `${name}-${version}-${sha256.slice(0, 12)}.tgz`;
}

// eslint-disable-next-line @typescript-eslint/require-await -- a stream is asynchronous by its type
async function* asStream(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
