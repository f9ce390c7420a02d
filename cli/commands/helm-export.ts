import type { Command } from 'commander';
import type { Survey } from '../../workers/dependencies.ts';
import { ExitCode } from '../exit-codes.ts';
import { writeRelease } from '../helm/export-folder.ts';
import { interruptible } from '../interruptible.ts';
import {
  commaList,
  withClusterOptions,
  withLocation,
  withOutput,
  type ClusterOptions,
  type LocationOptions,
  type OutputOptions,
} from '../options.ts';
import { exportText, issueLine } from '../output/helm-text.ts';
import { note, printAnswer } from '../output/print.ts';
import { namedCluster, reachableCluster, withSession, type Session } from '../session.ts';

type ExportOptions = ClusterOptions &
  LocationOptions &
  OutputOptions & {
    readonly fromBackup?: string;
    readonly namespace: readonly string[];
    readonly to?: string;
    readonly pushTo: readonly string[];
  };

export function addHelmExport(helm: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(withClusterOptions(helm.command('export'))))
    .description('list the Helm releases of a cluster or a backup, and write or push their charts, made from the release records')
    .option('--from-backup <name>', 'out of this backup (default: the cluster as it is now)')
    .option('-n, --namespace <names>', 'releases in these namespaces (default: all)', commaList, [])
    .option('-A, --all-namespaces', 'every namespace: the default', false)
    .option('--to <folder>', 'write chart.tgz, values.yaml, computed-values.yaml and release.yaml to NAMESPACE/RELEASE below it')
    .option('--push-to <repositories>', 'push the charts to these `chartRepositories` of the configuration', commaList, [])
    .action(async (options: ExportOptions) => {
      let code: ExitCode = ExitCode.Done;
      const ended = await interruptible('what was written and pushed stays', async (signal) => {
        code = await exportReleases(options, signal);
      });
      done(ended === ExitCode.Done ? code : ended);
    });
}

async function exportReleases(options: ExportOptions, signal: AbortSignal): Promise<ExitCode> {
  const cluster = options.fromBackup === undefined ? await namedCluster(options) : undefined;
  return withSession(async (session) => {
    const survey = await surveyOf(session, options, { cluster: cluster?.name ?? '', signal });
    const archives = survey.releases.map(({ archive }) => archive);
    const pushed = await session.services.releases.push({ archives, pushTo: options.pushTo }, signal);
    const releases = await Promise.all(
      survey.releases.map(async (exported) => {
        const { inventory, revisions, archive } = exported;
        const folder = options.to === undefined ? {} : { folder: await writeRelease(options.to, exported) };
        return { ...inventory, revisions, losses: archive.losses, ...folder, pushed: pushed.references.get(archive.sha256) ?? [] };
      }),
    );
    const warnings = [...survey.warnings, ...pushed.warnings];
    const errors = [...survey.errors, ...pushed.errors];
    const source = options.fromBackup === undefined ? { cluster: cluster?.name ?? '' } : { backup: options.fromBackup };
    printAnswer(options.output, {
      data: { ...source, releases, warnings, errors },
      names: releases.map(({ namespace, name }) => `${namespace}/${name}`),
      table: (wide) => exportText(releases, wide),
    });
    for (const issue of warnings) note(issueLine('warning', issue));
    for (const issue of errors) note(issueLine('error', issue));
    return errors.length === 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
  }, cluster);
}

async function surveyOf(
  session: Session,
  { fromBackup, location, namespace }: ExportOptions,
  { cluster, signal }: { readonly cluster: string; readonly signal: AbortSignal },
): Promise<Survey> {
  if (fromBackup !== undefined) {
    return session.services.releases.survey({ location: session.locationName(location), backup: fromBackup }, namespace, signal);
  }
  await reachableCluster(session, { name: cluster, access: { kubeconfig: '', context: '' } });
  // Its key makes values comparable with those of its backups.
  const keyed = location === '' ? '' : session.locationName(location);
  return session.services.releases.survey({ cluster, location: keyed }, namespace, signal);
}
