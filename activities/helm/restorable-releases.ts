import { createHash } from 'node:crypto';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { Release } from '../../domain/helm/release.ts';
import { CurrentRecords, type ReleaseHead, type StoredRecord } from '../../domain/helm/stored-record.ts';
import type { ArchiveKind, Charts } from '../../helm/port.ts';
import { readStream } from '../../repository/read-stream.ts';
import type { Repository } from '../../repository/repository.ts';
import { recordsOfBackup } from './find-records.ts';

/** A release of a backup, with what it takes to bring it back. */
export interface RestorableRelease {
  readonly release: Release;
  /** All revisions. */
  readonly records: readonly StoredRecord[];
  /** Whose kind of object the records are. */
  readonly kind: StoredRecord['kind'];
  readonly archive: Buffer;
  readonly archiveKind: ArchiveKind;
}

export interface BackupSource {
  readonly repository: Repository;
  readonly manifest: BackupManifest;
  readonly charts: Charts;
}

/**
 * The releases of these names, in their order, with all their records. `NotFound` names one that the backup has not, `BadInput` one that it has in
 * several namespaces when none is given, `Damaged` one whose current record cannot be read.
 */
export async function restorableReleases(
  source: BackupSource,
  wanted: { readonly names: readonly string[]; readonly namespace: string },
  { signal, beat }: { readonly signal: AbortSignal; readonly beat?: () => void },
): Promise<readonly RestorableRelease[]> {
  const current = new CurrentRecords();
  const records: StoredRecord[] = [];
  // Without one, all of them are looked at: a name may be there more than once.
  const namespaces = wanted.namespace === '' ? [] : [wanted.namespace];
  for await (const record of recordsOfBackup(
    source.repository,
    { parts: source.manifest.parts, namespaces },
    { signal, ...(beat ? { beat } : {}) },
  )) {
    current.add(record);
    if (wanted.names.includes(record.release)) records.push(record);
  }
  const heads = wanted.names.map((name) => theOne(source.manifest.name, { name, namespace: wanted.namespace }, current.heads()));
  const releases: RestorableRelease[] = [];
  for (const head of heads) releases.push(await restorable(source, head, { records, signal }));
  return releases;
}

function theOne(backup: string, { name, namespace }: { name: string; namespace: string }, heads: readonly ReleaseHead[]): ReleaseHead {
  const found = heads.filter((head) => head.release === name && (namespace === '' || head.namespace === namespace));
  const [first, second] = found;
  if (first && !second) return first;
  const where = namespace === '' ? '' : ` in namespace ${namespace}`;
  if (first) {
    throw new HoldfastError(FailureType.BadInput, `backup "${backup}" has release "${name}" more than once`, {
      advice: `choose a namespace with -n: ${found.map((head) => head.namespace).join(', ')}`,
    });
  }
  const known = heads.map((head) => `${head.namespace}/${head.release}`);
  throw new HoldfastError(FailureType.NotFound, `backup "${backup}" has no release "${name}"${where}`, {
    advice: known.length === 0 ? 'it has no release records: they are Secrets, look at what it selected' : `it has ${known.join(', ')}`,
  });
}

async function restorable(
  { repository, manifest, charts }: BackupSource,
  { current, namespace, release: name }: ReleaseHead,
  { records, signal }: { readonly records: readonly StoredRecord[]; readonly signal: AbortSignal },
): Promise<RestorableRelease> {
  const release = charts.decode(current);
  const own = records.filter((record) => record.namespace === namespace && record.release === name && record.kind === current.kind);
  const kept = manifest.releases?.find((entry) => entry.namespace === namespace && entry.name === name);
  if (kept?.archive && kept.archiveKind !== undefined) {
    const pieces: Buffer[] = [];
    for await (const piece of readStream(repository, kept.archive, signal)) pieces.push(piece);
    const archive = Buffer.concat(pieces);
    if (createHash('sha256').update(archive).digest('hex') !== kept.archiveSha256) throw damaged(manifest.name, kept.archive.name);
    return { release, records: own, kind: current.kind, archive, archiveKind: kept.archiveKind };
  }
  const rebuilt = charts.archive(release);
  return { release, records: own, kind: current.kind, archive: rebuilt.bytes, archiveKind: rebuilt.kind };
}

function damaged(backup: string, archive: string): HoldfastError {
  return new HoldfastError(FailureType.Damaged, `backup "${backup}": the chart ${archive} is not what was stored`, {
    advice: 'check the location with `holdfast repository check --read-data`, and restore an earlier backup',
  });
}
