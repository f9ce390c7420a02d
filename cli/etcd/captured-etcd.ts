import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';

/** The etcd snapshot of a backup; `NotFound` when it has none. */
export function capturedEtcdOf({ name, etcd }: BackupManifest): CapturedEtcd {
  if (etcd) return etcd;
  throw new HoldfastError(FailureType.NotFound, `backup "${name}" has no snapshot of etcd`, {
    advice: 'those that have one were made with `holdfast etcd backup` or `backup create --include-etcd`',
  });
}
