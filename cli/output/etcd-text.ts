import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { CapturedEtcd } from '../../contracts/etcd.ts';
import type { RestoredEtcd } from '../../workers/dependencies.ts';
import type { PlannedMember } from '../../domain/etcd/initial-cluster.ts';
import { issueLines } from './issue-lines.ts';
import { phase } from './colours.ts';
import { bytes, count, duration } from './quantities.ts';
import { table } from './table.ts';

/** What a person wants to know right after a backup of etcd. */
export function etcdBackupText(result: BackupProjectResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  const { sizes } = result;
  return [
    `backup "${result.name}" ${phase(result.phase)} in ${duration(took)}`,
    ...capturedEtcdText(result.etcd),
    `${bytes(sizes.read)} read, ${bytes(sizes.stored)} stored (${count(sizes.newSegments)} new segments, ${count(sizes.knownSegments)} known)`,
    ...issueLines(result),
  ].join('\n');
}

/** The snapshot in a backup; no lines when there is none. */
export function capturedEtcdText(etcd: CapturedEtcd | undefined): readonly string[] {
  if (!etcd) return [];
  const { quotaBytes, databaseBytes, inUseBytes, snapshot, controlPlaneFiles } = etcd;
  const quota = quotaBytes > 0 ? `, quota ${bytes(quotaBytes)}` : '';
  return [
    '',
    `Etcd:        ${etcd.version}, cluster ${etcd.clusterId}, snapshot of ${etcd.endpoint} at ${etcd.takenAt}`,
    `  Revision:  ${etcd.revision}${etcd.hash === '' ? '' : `, hash ${etcd.hash} (compacted at ${etcd.compactRevision})`}`,
    `  Database:  ${bytes(databaseBytes)}, ${bytes(inUseBytes)} in use${quota}; snapshot ${bytes(snapshot.bytes)}, SHA-256 ${etcd.sha256}`,
    ...(etcd.alarms.length === 0 ? [] : [`  Alarms:    ${etcd.alarms.join(', ')}`]),
    ...(controlPlaneFiles ? [`  Files:     ${bytes(controlPlaneFiles.bytes)} of the control plane`] : []),
    table(
      ['  MEMBER', 'ID', 'PEER URLS', 'CLIENT URLS', 'ROLE'],
      etcd.members.map(({ name, id, peerUrls, clientUrls, learner }) => [
        `  ${name}`,
        id,
        peerUrls.join(','),
        clientUrls.join(','),
        learner ? 'learner' : 'voter',
      ]),
    ),
  ];
}

/** The new members, and what was made for them. */
export function restoredEtcdText(backup: string, restored: RestoredEtcd, members: readonly PlannedMember[]): string {
  const folders = new Map(restored.made.map(({ name, dataDir }) => [name, dataDir]));
  const hash = { equal: 'hash of the keys equal', unknown: 'hash of the keys not comparable' }[restored.hash];
  return [
    table(
      ['MEMBER', 'PEER URLS', 'DATA DIRECTORY'],
      members.map(({ name, peerUrls }) => [name, peerUrls.join(','), folders.get(name) ?? '(restore it on its own machine)']),
    ),
    '',
    `backup "${backup}": ${bytes(restored.snapshotBytes)}, SHA-256 equal, ${hash} at revision ${restored.revision}`,
    `cluster ${restored.clusterId}, newest revision ${restored.newRevision}${restored.newRevision === restored.revision ? '' : ', all before it compacted'}`,
  ].join('\n');
}
