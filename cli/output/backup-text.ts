import type { BackupProjectResult } from '../../contracts/backup.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { capturedApplicationsText } from './application-text.ts';
import { phase } from './colours.ts';
import { capturedEtcdText } from './etcd-text.ts';
import { issueLines } from './issue-lines.ts';
import { bytes, count, duration } from './quantities.ts';
import { table } from './table.ts';
import { capturedVolumesText } from './volume-text.ts';

/** What a person wants to know right after a backup. */
export function backupResultText(result: BackupProjectResult): string {
  const took = Date.parse(result.completedAt) - Date.parse(result.startedAt);
  const { sizes } = result;
  return [
    `backup "${result.name}" ${phase(result.phase)}: ${count(result.objectCount)} objects of ${result.kinds.length} kinds at revision ${result.revision} in ${duration(took)}`,
    `${bytes(sizes.read)} read, ${bytes(sizes.stored)} stored (${count(sizes.newSegments)} new segments, ${count(sizes.knownSegments)} known)`,
    ...capturedVolumesText(result.volumes),
    ...issueLines(result),
  ].join('\n');
}

/** Everything about a recovery point. */
export function backupDetails(sequence: number, manifest: BackupManifest, wide: boolean): string {
  const took = Date.parse(manifest.completedAt) - Date.parse(manifest.startedAt);
  const kinds = manifest.kinds.map((kind) => [
    `  ${resourceKey(kind.type)}`,
    count(kind.count),
    bytes(kind.bytes),
    kind.fallbackReason === undefined ? kind.revision : `${kind.revision} (${kind.fallbackReason})`,
  ]);
  const steps = manifest.steps.map((step) => `  ${step.step.padEnd(20)} ${duration(step.durationMs)}`);
  return [
    `Name:        ${manifest.name}`,
    `Phase:       ${phase(manifest.phase)}`,
    `Sequence:    ${sequence}`,
    `Cluster:     ${manifest.cluster.name} (${manifest.cluster.version}, ${manifest.cluster.uid})`,
    `Revision:    ${manifest.revision}`,
    `Started:     ${manifest.startedAt}`,
    `Completed:   ${manifest.completedAt} (${duration(took)})`,
    `Namespaces:  ${manifest.namespaces.join(', ')}`,
    `Objects:     ${count(manifest.objectCount)}`,
    `Read:        ${bytes(manifest.sizes.read)}`,
    `Stored:      ${bytes(manifest.sizes.stored)}`,
    `Run:         ${manifest.runId}`,
    '',
    table(['  KIND', 'OBJECTS', 'SIZE', 'REVISION'], kinds),
    ...capturedVolumesText(manifest.volumes),
    ...capturedApplicationsText(manifest.applications),
    ...capturedEtcdText(manifest.etcd),
    ...(wide ? ['', 'Steps:', ...steps] : []),
    ...issueLines(manifest),
  ].join('\n');
}
