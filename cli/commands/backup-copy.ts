import type { Command } from 'commander';
import type { CopyRepositoryResult } from '../../contracts/copy.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { copyWorkflowId, NO_CLUSTER } from '../../contracts/workflow-ids.ts';
import { isClientOnly } from '../../workers/embedded.ts';
import type { ExitCode } from '../exit-codes.ts';
import {
  withClusterOptions,
  withWaiting,
  withLocation,
  withOutput,
  type ClusterOptions,
  type WaitOptions,
  type LocationOptions,
  type OutputOptions,
} from '../options.ts';
import { copyResultText } from '../output/copy-text.ts';
import { note } from '../output/print.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { undertake } from '../runs/undertake.ts';
import { namedCluster, withSession, type NamedCluster, type Session } from '../session.ts';

interface CopyOptions extends ClusterOptions, LocationOptions, OutputOptions, WaitOptions {
  readonly to: string;
}

export function addBackupCopy(backup: Command, done: (code: ExitCode) => void): void {
  withWaiting(withOutput(withLocation(withClusterOptions(backup.command('copy [name]')))))
    .description('bring all backups of a location to another one, as they are stored; with a name, make sure that this one is there')
    .requiredOption('--to <location>', 'where the copy is kept')
    .action(async (name: string | undefined, options: CopyOptions) => {
      done(await copy(name, options));
    });
}

/** docs/copies.md: a copy is the whole repository, since without its key nobody can tell which objects one backup needs. */
async function copy(name: string | undefined, options: CopyOptions): Promise<ExitCode> {
  const worker = await servingCluster(options);
  return withSession(async (session) => {
    const from = session.locationName(options.location);
    const to = session.locationName(options.to);
    if (from === to)
      throw new HoldfastError(FailureType.BadInput, `${to} is the location itself`, { advice: 'name another one with --to' });
    if (name !== undefined) await (await session.repository(from)).findBackup(name);
    return withOrchestrator(session.configuration, worker, async (orchestrator) => {
      const code = await undertake<CopyRepositoryResult>(orchestrator, {
        request: {
          workflow: 'copyRepository',
          workflowId: copyWorkflowId(from, to),
          kind: 'copy',
          name: `${from} to ${to}`,
          location: to,
          cluster: worker,
          input: { from, to },
        },
        title: `copy of "${from}" to "${to}"`,
        wait: options.wait || name !== undefined,
        timeoutMs: options.timeout,
        output: options.output,
        resultNames: () => [`location/${to}`],
        text: copyResultText,
      });
      if (name !== undefined && code === 0) await confirm(session, to, name);
      return code;
    });
  }, worker);
}

async function confirm(session: Session, location: string, name: string): Promise<void> {
  const { sequence } = await (await session.repository(location)).findBackup(name);
  note(`backup "${name}" is in "${location}", sequence ${sequence}`);
}

/** The cluster whose worker does it. A copy needs none: this process does the work itself on a machine that has no kubeconfig. */
async function servingCluster(options: ClusterOptions): Promise<NamedCluster> {
  try {
    return await namedCluster(options);
  } catch (error) {
    const asked = options.kubeconfig ?? options.context ?? options.kubecontext;
    if (asked !== undefined || isClientOnly()) throw error;
    return { name: NO_CLUSTER, access: { kubeconfig: '', context: '' } };
  }
}
