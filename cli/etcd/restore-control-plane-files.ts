import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { readStream } from '../../repository/read-stream.ts';
import { note } from '../output/print.ts';
import type { Session } from '../session.ts';
import { controlPlaneFilesFor } from './unpack-control-plane-files.ts';

export interface FilesRequest {
  readonly location: string;
  readonly backup: string;
  readonly captured: CapturedEtcd;
  /** Where they go; absent: nowhere. */
  readonly folder: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Looks whether the control-plane files of a backup can be written below a folder, before anything else is; what it answers with writes them. Fails as
 * `controlPlaneFilesFor` does, and with `NotFound` when the backup has none.
 */
export async function controlPlaneFilesOf(session: Session, request: FilesRequest): Promise<() => Promise<void>> {
  const { location, backup, captured, folder, signal } = request;
  if (folder === undefined) return () => Promise.resolve();
  const { controlPlaneFiles } = captured;
  if (!controlPlaneFiles) {
    throw new HoldfastError(FailureType.NotFound, `backup "${backup}" has no files of the control plane`, {
      advice: 'those that have them were made with --control-plane-files; leave it out here',
    });
  }
  const write = await controlPlaneFilesFor(folder, readStream(await session.repository(location), controlPlaneFiles, signal));
  return async () => {
    const { files, leftOut } = await write();
    note(`${files.length} files of the control plane written below ${folder}`);
    if (leftOut.length > 0) note(`warning: neither files nor folders, and left out: ${leftOut.join(', ')}`);
  };
}
