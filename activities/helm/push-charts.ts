import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ChartArchive, Charts } from '../../helm/port.ts';

export interface PushOutcome {
  /** SHA-256 of an archive to the references under which repositories have it now. */
  readonly references: ReadonlyMap<string, readonly string[]>;
  readonly warnings: readonly Issue[];
  readonly errors: readonly Issue[];
}

/** These are about the place and not about a chart: asking it again for each chart would only take long. */
const OF_THE_PLACE: readonly string[] = [FailureType.Unavailable, FailureType.Forbidden, FailureType.NotFound];

/** Pushes each chart to each repository. What one of them refuses does not keep the others from getting theirs. Safe to repeat. */
export async function pushCharts(
  charts: Charts,
  request: { readonly archives: readonly ChartArchive[]; readonly pushTo: readonly string[] },
  { signal, beat }: { readonly signal: AbortSignal; readonly beat: () => void },
): Promise<PushOutcome> {
  const archives = [...new Map(request.archives.map((archive) => [archive.sha256, archive])).values()];
  const outcome = { references: new Map<string, string[]>(archives.map(({ sha256 }) => [sha256, []])), warnings: [], errors: [] };
  for (const name of request.pushTo) await pushTo(charts, { name, archives, outcome }, { signal, beat });
  return outcome;
}

interface PushingTo {
  readonly name: string;
  readonly archives: readonly ChartArchive[];
  readonly outcome: { readonly references: Map<string, string[]>; readonly warnings: Issue[]; readonly errors: Issue[] };
}

async function pushTo(
  charts: Charts,
  { name, archives, outcome: { references, warnings, errors } }: PushingTo,
  { signal, beat }: { readonly signal: AbortSignal; readonly beat: () => void },
): Promise<void> {
  let done = 0;
  try {
    const repository = await charts.repository(name);
    for (const archive of archives) {
      const pushed = await orIssue(errors, archive, () => repository.push(archive, signal));
      done += 1;
      beat();
      if (pushed?.outcome === 'differs') warnings.push(differs(name, archive, pushed));
      else if (pushed) references.get(archive.sha256)?.push(pushed.reference);
    }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const left = archives.length - done;
    errors.push({ code: 'ChartsNotPushed', message: `${left} charts not pushed: ${error.message}`, advice: error.advice });
  }
}

async function orIssue<T>(errors: Issue[], { name, version }: ChartArchive, push: () => Promise<T>): Promise<T | undefined> {
  try {
    return await push();
  } catch (error) {
    if (!(error instanceof HoldfastError) || OF_THE_PLACE.includes(error.type)) throw error;
    errors.push({ code: 'ChartNotPushed', message: `chart ${name} ${version}: ${error.message}`, advice: error.advice });
    return undefined;
  }
}

function differs(repository: string, { name, version, sha256 }: ChartArchive, there: { readonly sha256: string }): Issue {
  return {
    code: 'ChartDiffers',
    message: `chart ${name} ${version}: "${repository}" has another one with SHA-256 ${there.sha256}, not ${sha256}; it was left as it is`,
    advice: 'that is normal where the chart was installed from there; `force: true` of the repository in the configuration replaces it',
  };
}
