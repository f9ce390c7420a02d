import { HoldfastError, FailureType } from '../contracts/failures.ts';
import type { MovedData } from '../contracts/volume.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { BackupTask, RestoreTask, VolumeRepository } from './port.ts';
import { Exit, resticFailure, tidy, type Ended } from './restic-failure.ts';
import { numberAt } from './restic-output.ts';

/** What a backup came to. Rejects unless there is a snapshot; what is missing in it is named in `unread`. */
export function movedData(ended: Ended, task: BackupTask): MovedData {
  const { output, code } = ended;
  const { summary, problems } = output;
  const snapshot = textAt(summary, 'snapshot_id');
  const what = `backup of volume ${task.host}`;
  if (!summary || snapshot === '' || (code !== Exit.Done && code !== Exit.Incomplete)) throw resticFailure(ended, what, task.repository);
  const isIncomplete = code === Exit.Incomplete || problems.count > 0;
  return {
    kind: 'restic',
    snapshot,
    files: output.isEmptyVolume ? 0 : numberAt(summary, 'total_files_processed'),
    folders: numberAt(summary, 'dirs_new') + numberAt(summary, 'dirs_changed') + numberAt(summary, 'dirs_unmodified'),
    bytes: output.isEmptyVolume ? 0 : numberAt(summary, 'total_bytes_processed'),
    addedBytes: numberAt(summary, 'data_added_packed'),
    ...(isIncomplete ? { unread: { count: Math.max(1, problems.count), examples: named(problems.examples, task.repository) } } : {}),
  };
}

/** Rejects unless restic says that it restored everything, and that there was something to restore. */
export function checkRestored(ended: Ended, task: RestoreTask): void {
  const what = `restore of snapshot ${task.snapshot.slice(0, 8)}`;
  if (ended.code !== Exit.Done) throw resticFailure(ended, what, task.repository);
  if (task.path === '/' || task.volumeMode === 'Block') return;
  const { filesTotal } = ended.output.progress;
  if (filesTotal > 0) return;
  throw new HoldfastError(FailureType.NotFound, `${what}: there is no ${task.path} in it`, {
    advice: 'list what there is with: volume ls',
  });
}

function named(problems: readonly string[], repository: VolumeRepository): readonly string[] {
  return problems.length === 0 ? ['restic did not say which'] : problems.map((problem) => tidy(problem, repository));
}
