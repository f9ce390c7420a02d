import { createHash } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { BackupProjectInput, BackupProjectResult } from '../../contracts/backup.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { backupWorkflowId } from '../../contracts/workflow-ids.ts';
import { encryptedText } from '../../sandbox/encryption-configuration.ts';
import { leaveSnapshot } from '../../sandbox/sandbox-status.ts';
import { ExitCode } from '../exit-codes.ts';
import { interruptible } from '../interruptible.ts';
import { note } from '../output/print.ts';
import { followOrLeave } from '../runs/follow-or-leave.ts';
import { withOrchestrator } from '../runs/orchestration.ts';
import { startOrJoinRun } from '../runs/start-run.ts';
import type { Session } from '../session.ts';
import { openBackup, type OpenedBackup } from './open-backup.ts';
import { howToDecrypt, sandboxKms } from './snapshot-warnings.ts';

/** On a backup that was read out of another one's etcd snapshot: the name of that one. */
const FROM_ETCD = 'holdfast.dev/from-etcd';
const LONGEST_NAME = 63;
const SUFFIX = '-etcd';

export interface FromEtcdOptions {
  readonly fromEtcd?: string;
  readonly encryptionConfig: string;
}

export function withFromEtcd(command: Command): Command {
  return withEncryptionConfig(command.option('--from-etcd <backup>', 'restore out of the etcd snapshot of this backup'));
}

export function withEncryptionConfig(command: Command): Command {
  const text = 'the EncryptionConfiguration of the API servers, when Secrets are encrypted at rest';
  return command.addOption(new Option('--encryption-config <file>', text).default('', 'none'));
}

interface SnapshotRequest {
  readonly location: string;
  readonly backup: string;
  readonly encryptionConfig: string;
}

interface Target extends Pick<SnapshotRequest, 'location' | 'backup'> {
  /** Of the backup that is made of the snapshot. */
  readonly name: string;
}

/** The recovery point that stands for an etcd snapshot, or how the command ended before there was one. */
type Captured = { readonly backup: string } | { readonly ended: ExitCode };

/** What the recovery point of an etcd snapshot is called: the same each time. */
export function snapshotBackupName(backup: string): string {
  const plain = `${backup}${SUFFIX}`;
  if (plain.length <= LONGEST_NAME) return plain;
  const hash = createHash('sha256').update(backup).digest('hex').slice(0, 8);
  return `${backup.slice(0, LONGEST_NAME - SUFFIX.length - hash.length)}${hash}${SUFFIX}`;
}

/**
 * Makes an ordinary backup of everything in the etcd snapshot of a backup, or finds the one that was made before. A killed one is gone on with. Fails
 * as `openBackup` does, and with `BadInput` when something in the snapshot is encrypted and no key is given.
 */
export async function captureSnapshot(session: Session, request: SnapshotRequest): Promise<Captured> {
  const name = snapshotBackupName(request.backup);
  if (await isCaptured(session, { ...request, name })) {
    note(`the etcd snapshot of "${request.backup}" is backup "${name}" already`);
    return { backup: name };
  }
  const found: { opened?: OpenedBackup } = {};
  const code = await interruptible('nothing was restored', async (signal) => {
    found.opened = await openBackup(session, { ...request, name: '', lifetime: 'process', signal });
  });
  const { opened } = found;
  if (opened === undefined) return { ended: code };
  try {
    refuseUnreadable(opened);
    return await capture(session, opened, { ...request, name });
  } finally {
    await leaveSnapshot({ name: opened.sandbox.name });
  }
}

async function isCaptured(session: Session, { location, backup, name }: Target): Promise<boolean> {
  const repository = await session.repository(location);
  const known = (await repository.backups()).find(({ manifest }) => manifest.name === name);
  if (!known) return false;
  if (known.manifest.labels?.[FROM_ETCD] === backup) return true;
  throw new HoldfastError(FailureType.AlreadyExists, `backup "${name}" exists, and is not of the etcd snapshot of "${backup}"`, {
    advice: 'the snapshot is to become a backup of that name: delete or keep the other one elsewhere',
  });
}

/** A recovery point without its Secrets would look like one that never had any. */
function refuseUnreadable({ sandbox }: OpenedBackup): void {
  const unreadable = sandbox.opened?.unreadable ?? [];
  if (unreadable.length === 0) return;
  throw new HoldfastError(FailureType.BadInput, `the snapshot holds what cannot be read: ${encryptedText(unreadable)}`, {
    advice: howToDecrypt(sandboxKms(unreadable)),
  });
}

/** This process serves the opened snapshot even where a Temporal server is configured: nobody else can reach it. */
async function capture(session: Session, { cluster }: OpenedBackup, { location, backup, name }: Target): Promise<Captured> {
  const selection = { ...SELECT_ALL, clusterResources: 'include' } as const;
  const input: BackupProjectInput = { name, cluster: cluster.name, location, selection, labels: { [FROM_ETCD]: backup } };
  // Another process may be finishing what a killed one has left.
  const isThere = (): Promise<boolean> => isCaptured(session, { location, backup, name });
  return withOrchestrator(session.configuration, cluster, async (orchestrator) => {
    if (await isThere()) return { backup: name };
    const workflowId = backupWorkflowId(location, name);
    const request = { workflow: 'backupProject', workflowId, kind: 'backup', name, location, cluster, input } as const;
    const { handle } = await startOrJoinRun(orchestrator, request);
    note(`backup "${name}" of the etcd snapshot of "${backup}" started`);
    const following = { orchestrator, handle, wait: true, timeoutMs: 0, noun: 'backup', name } as const;
    const ended = await followOrLeave(following, (result) => told(result as BackupProjectResult));
    return ended === ExitCode.Done || (ended === ExitCode.Failed && (await isThere())) ? { backup: name } : { ended };
  });
}

/** What could not be read is said; the rest is a recovery point. */
function told({ phase, errors, objectCount, sequence, name }: BackupProjectResult): ExitCode {
  for (const { message } of errors) note(`warning: not in the snapshot's backup: ${message}`);
  if (sequence === undefined) return ExitCode.Failed;
  note(`backup "${name}": ${objectCount} objects, ${phase}`);
  return ExitCode.Done;
}
