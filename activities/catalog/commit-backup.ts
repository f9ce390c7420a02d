import type { CommitBackupInput, CommitBackupResult } from '../../contracts/activities.ts';
import { FORMAT_VERSION, type BackupManifest } from '../../contracts/manifest.ts';
import { RunPhase } from '../../contracts/outcome.ts';
import type { Repository } from '../../repository/repository.ts';

/** Writes the manifest: from then on the backup exists. */
export async function commitBackup(repository: Repository, input: CommitBackupInput): Promise<CommitBackupResult> {
  const { backup, plan, result } = input;
  const manifest: BackupManifest = {
    formatVersion: FORMAT_VERSION,
    type: 'backup',
    name: backup.name,
    runId: input.runId,
    cluster: plan.cluster,
    selection: backup.selection,
    namespaces: plan.namespaces,
    revision: plan.revision,
    startedAt: result.startedAt,
    completedAt: result.completedAt,
    phase: result.phase === RunPhase.PartiallyFailed ? 'PartiallyFailed' : 'Completed',
    kinds: result.kinds,
    parts: [...input.parts].sort(),
    objectCount: result.objectCount,
    sizes: result.sizes,
    warnings: result.warnings,
    errors: result.errors,
    steps: result.steps,
    log: input.log,
    ...(backup.schedule === undefined ? {} : { schedule: backup.schedule }),
    ...(backup.labels === undefined ? {} : { labels: backup.labels }),
    ...(result.volumes === undefined ? {} : { volumes: result.volumes }),
    ...(result.applications === undefined ? {} : { applications: result.applications }),
    ...(result.etcd === undefined ? {} : { etcd: result.etcd }),
    ...(result.releases === undefined ? {} : { releases: result.releases }),
    ...(backup.ttlSeconds === undefined ? {} : { expiresAt: after(result.completedAt, backup.ttlSeconds) }),
  };
  const { sequence } = await repository.commit(manifest);
  return { sequence };
}

function after(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1_000).toISOString();
}
