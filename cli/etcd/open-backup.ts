import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { readStream } from '../../repository/read-stream.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { openSnapshot } from '../../sandbox/open-snapshot.ts';
import { downSandbox, leaveSnapshot } from '../../sandbox/sandbox-status.ts';
import { StatusLine } from '../output/status-line.ts';
import { toolProgress } from '../runs/orchestration.ts';
import { withSession, type NamedCluster, type Session } from '../session.ts';
import { capturedEtcdOf } from './captured-etcd.ts';
import { refuseNewerSnapshot, refuseNewerVersion } from './snapshot-version.ts';

const LONGEST_NAME = 40;

export interface OpenRequest {
  readonly location: string;
  readonly backup: string;
  /** File with an EncryptionConfiguration; '' for none. */
  readonly encryptionConfig: string;
  /** Name of the sandbox; '' for the one that every opening of this backup gets. */
  readonly name: string;
  /** `process`: it ends with us, and goes with `leaveSnapshot`. */
  readonly lifetime: 'until-down' | 'process';
  readonly signal: AbortSignal;
}

/** A snapshot that can be read like a cluster. */
export interface OpenedBackup {
  readonly sandbox: Sandbox;
  readonly cluster: NamedCluster;
  readonly etcd: CapturedEtcd;
}

/**
 * Shows the etcd snapshot of a backup as a cluster without controllers. `NotFound` when the backup has none, `BadInput` when it is of a newer
 * Kubernetes or the encryption configuration does not fit, and as `openSnapshot` rejects. What a failed opening has unpacked is removed.
 */
export async function openBackup(session: Session, request: OpenRequest): Promise<OpenedBackup> {
  const repository = await session.repository(request.location);
  const { manifest } = await repository.findBackup(request.backup);
  const etcd = capturedEtcdOf(manifest);
  refuseNewerVersion(manifest.cluster.version, `as backup ${request.backup} says`);
  const encryption = request.encryptionConfig === '' ? undefined : await readConfiguration(request.encryptionConfig);
  const { lifetime, signal } = request;
  const name = request.name === '' ? sandboxName(request.backup) : request.name;
  const status = new StatusLine();
  try {
    const sandbox = await openSnapshot({
      name,
      opened: { backup: request.backup, snapshot: `${etcd.snapshot.id} ${etcd.sha256}` },
      content: () => readStream(repository, etcd.snapshot, signal),
      encryption,
      lifetime,
      progress: toolProgress(status),
      signal,
    });
    const cluster = { name: sandbox.context, access: { kubeconfig: sandbox.kubeconfigPath, context: sandbox.context }, isOnlyHere: true };
    await acceptable(sandbox, cluster);
    return { sandbox, cluster, etcd };
  } catch (error) {
    await leaveSnapshot({ name }).catch(() => undefined);
    throw error;
  } finally {
    status.clear();
  }
}

/** Works with the opened snapshot as a cluster. */
export function withOpened<T>(cluster: NamedCluster, work: (connected: Cluster) => Promise<T>): Promise<T> {
  return withSession(async (session) => work(await session.services.cluster(cluster.name)), cluster);
}

/** One that is refused is not left open. */
async function acceptable(sandbox: Sandbox, cluster: NamedCluster): Promise<void> {
  try {
    await withOpened(cluster, (connected) => refuseNewerSnapshot(connected));
  } catch (error) {
    await downSandbox({ name: sandbox.name, purge: true });
    throw error;
  }
}

async function readConfiguration(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new HoldfastError(FailureType.BadInput, `${file}: cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`, {
      advice: 'give the file that kube-apiserver gets as --encryption-provider-config',
      cause: error,
    });
  }
}

/** `etcd-nightly`; what a sandbox cannot be called gets the beginning of it and a hash. */
function sandboxName(backup: string): string {
  const plain = `etcd-${backup}`;
  if (plain.length <= LONGEST_NAME && !plain.includes('.')) return plain;
  const hash = createHash('sha256').update(backup).digest('hex').slice(0, 8);
  return `${plain.replaceAll('.', '-').slice(0, LONGEST_NAME - 9)}-${hash}`;
}
