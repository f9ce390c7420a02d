import type { RecordRestoreInput } from '../../contracts/activities.ts';
import { RESTORE_RECORDS, type RestoreRecord } from '../../contracts/restore.ts';
import type { Repository } from '../../repository/repository.ts';

/** Keeps the account of a restore beside the backups: it must outlive Temporal's memory. */
export async function recordRestore(repository: Repository, input: RecordRestoreInput): Promise<void> {
  const { restore, runId, result, log } = input;
  const record: RestoreRecord = { ...result, type: 'restore', runId, cluster: restore.cluster, options: restore.options, log };
  await repository.writeRecord({ kind: RESTORE_RECORDS, id: runId, body: record });
}
