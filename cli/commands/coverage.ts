import type { Command } from 'commander';
import { coverageOf, type NamespaceCoverage } from '../../domain/schedule/coverage.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { DiscoveredType } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { ExitCode } from '../exit-codes.ts';
import { withClusterOptions, withOutput, type ClusterOptions, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';
import { count } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { remembersRuns, withOrchestrator } from '../runs/orchestration.ts';
import { listSchedules, type KnownSchedule } from '../schedules/temporal-schedules.ts';
import { namedCluster, reachableCluster, withSession } from '../session.ts';

type CoverageOptions = ClusterOptions & OutputOptions & { readonly requireAll: boolean };

const PAGE = 500;

export function coverageCommand(program: Command, done: (code: ExitCode) => void): void {
  withOutput(withClusterOptions(program.command('coverage')))
    .description('show which namespaces and volume claims of a cluster no schedule protects')
    .option('--require-all', 'end with exit code 4 when something is not protected', false)
    .action(async (options: CoverageOptions) => {
      done(await coverage(options));
    });
}

async function coverage(options: CoverageOptions): Promise<ExitCode> {
  const cluster = await namedCluster(options);
  return withSession(async (session) => {
    const connected = await reachableCluster(session, cluster);
    const schedules = remembersRuns() ? await withOrchestrator(session.configuration, undefined, listSchedules) : [];
    const { types } = await connected.discover();
    const namespaces = await listAll(connected, types, 'namespaces');
    const found = coverageOf({
      types,
      namespaces: namespaces.map((namespace) => textAt(namespace, 'metadata', 'name')),
      claims: await listAll(connected, types, 'persistentvolumeclaims'),
      schedules: schedules.flatMap((schedule) => protecting(schedule, cluster.name)),
    });
    const open = found.filter(isOpen);
    printAnswer(options.output, {
      data: { cluster: cluster.name, namespaces: found },
      names: open.map(({ namespace }) => `namespace/${namespace}`),
      table: () =>
        `${table(['NAMESPACE', 'COVERAGE', 'SCHEDULES', 'CLAIMS', 'UNPROTECTED CLAIMS'], found.map(cells))}\n\n${summary(found, open)}`,
    });
    return options.requireAll && open.length > 0 ? ExitCode.PartiallyFailed : ExitCode.Done;
  }, cluster);
}

function protecting({ name, input, paused }: KnownSchedule, cluster: string) {
  return input.cluster === cluster && input.action.type === 'backup' ? [{ name, paused, selection: input.action.selection }] : [];
}

async function listAll(cluster: Cluster, types: readonly DiscoveredType[], key: string): Promise<JsonObject[]> {
  const type = types.find((candidate) => resourceKey(candidate) === key);
  const objects: JsonObject[] = [];
  if (!type) return objects;
  let continueToken = '';
  do {
    const page = await cluster.listPage({ type, namespace: '', labelSelector: '', limit: PAGE, exactRevision: '', continueToken });
    objects.push(...page.items.map(({ object }) => object));
    continueToken = page.continueToken;
  } while (continueToken !== '');
  return objects;
}

function isOpen({ coverage, unprotectedClaims }: NamespaceCoverage): boolean {
  return coverage === 'none' || unprotectedClaims.length > 0;
}

function cells({ namespace, coverage, schedules, claims, unprotectedClaims }: NamespaceCoverage): readonly string[] {
  return [namespace, coverage, schedules.join(',') || '-', count(claims), unprotectedClaims.join(',') || '-'];
}

function summary(all: readonly NamespaceCoverage[], open: readonly NamespaceCoverage[]): string {
  if (open.length === 0) return `every namespace and claim is taken by a schedule`;
  const claims = open.reduce((sum, { unprotectedClaims }) => sum + unprotectedClaims.length, 0);
  const bare = all.filter(({ coverage }) => coverage === 'none').length;
  return `${count(bare)} of ${count(all.length)} namespaces and ${count(claims)} claims are in no schedule`;
}
