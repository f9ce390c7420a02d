import type { Command } from 'commander';
import { HoldfastError } from '../../contracts/failures.ts';
import { stateFolder } from '../../sandbox/state-folder.ts';
import { configurationFile, loadConfiguration } from '../../workers/configuration.ts';
import { findTools } from '../../sandbox/resolve-tools.ts';
import { checkTemporal } from '../../workers/embedded.ts';
import { ExitCode } from '../exit-codes.ts';
import { withClusterOptions, withOutput, type ClusterOptions, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';
import { table } from '../output/table.ts';
import { namedCluster, withSession } from '../session.ts';

interface Finding {
  readonly subject: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Looks at everything that a backup needs, and says for each thing whether it is well and what to do if it is not. */
export function doctorCommand(program: Command, done: (code: ExitCode) => void): void {
  withOutput(withClusterOptions(program.command('doctor')))
    .description('check the machine, the cluster, the locations and Temporal')
    .action(async (options: ClusterOptions & OutputOptions) => {
      const findings = [...(await machine()), await clusterFinding(options), ...(await locationFindings()), await temporalFinding()];
      printAnswer(options.output, {
        data: findings,
        names: findings.filter(({ ok }) => !ok).map(({ subject }) => subject),
        table: () =>
          table(
            ['CHECK', 'OK', 'DETAIL'],
            findings.map(({ subject, ok, detail }) => [subject, ok ? 'yes' : 'NO', detail]),
          ),
      });
      done(findings.every(({ ok }) => ok) ? ExitCode.Done : ExitCode.Error);
    });
}

async function machine(): Promise<readonly Finding[]> {
  const configuration = await finding('configuration', async () => {
    const { locations } = await loadConfiguration();
    return `${configurationFile()}: ${locations.length} locations`;
  });
  const found = await findTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'temporal']);
  const tools = [...found].map(([tool, path]): Finding => ({
    subject: `tool ${tool}`,
    ok: true,
    detail: path ?? 'not here yet: downloaded, or built with Go, when it is needed',
  }));
  return [
    { subject: 'node', ok: true, detail: `${process.versions.node} (${process.execPath})` },
    configuration,
    { subject: 'state folder', ok: true, detail: stateFolder() },
    ...tools,
  ];
}

function clusterFinding(options: ClusterOptions): Promise<Finding> {
  return finding('cluster', async () => {
    const cluster = await namedCluster(options);
    return withSession(async (session) => {
      const connected = await session.services.cluster(cluster.name);
      const { gitVersion } = await connected.version({ signal: AbortSignal.timeout(10_000) });
      const { types, unavailable } = await connected.discover({ signal: AbortSignal.timeout(30_000) });
      const missing = unavailable.map(({ groupVersion }) => groupVersion);
      return `${cluster.name}: ${gitVersion}, ${types.length} kinds${missing.length === 0 ? '' : `, not answering: ${missing.join(', ')}`}`;
    }, cluster);
  });
}

async function locationFindings(): Promise<readonly Finding[]> {
  const locations = await loadConfiguration().then(
    (configuration) => configuration.locations,
    () => [],
  );
  return Promise.all(
    locations.map(({ name, url }) =>
      finding(`location ${name}`, () =>
        withSession(async (session) => {
          const repository = await session.repository(name);
          return `${url}: repository ${repository.id}, ${(await repository.backups()).length} backups`;
        }),
      ),
    ),
  );
}

function temporalFinding(): Promise<Finding> {
  return finding('temporal', async () => {
    const target = await checkTemporal();
    return target === undefined ? 'the local server, started when it is needed' : `${target.address}, namespace ${target.namespace}`;
  });
}

async function finding(subject: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { subject, ok: true, detail: await look() };
  } catch (error) {
    const advice = error instanceof HoldfastError && error.advice !== '' ? `; ${error.advice}` : '';
    return { subject, ok: false, detail: `${error instanceof Error ? error.message : String(error)}${advice}` };
  }
}
