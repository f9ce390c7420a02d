import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { CapturedVolume } from '../contracts/volume.ts';
import type { StoredBackup } from '../repository/chain-entries.ts';
import type { BackupHealth, CheckReport, Finding } from '../repository/check/report.ts';
import { VOLUMES, volumesPrefix, volumeSnapshotKey } from '../repository/layout.ts';
import type { Repository } from '../repository/repository.ts';
import type { CheckRequest } from './check-with-witness.ts';
import type { OpenArchive } from './collect-volumes.ts';

const NEVER = new AbortController().signal;
const ADVICE = 'the data of this volume cannot be restored from here: look for it in a copy of the location, and back up again';

/** A volume of a backup, with where its snapshot has to be. */
interface Expected {
  readonly backup: StoredBackup;
  readonly volume: CapturedVolume;
  readonly key: string;
}

/**
 * Adds to the report of a location what is to be said about its volumes: whether the snapshots that backups name are there and, when content is
 * read, whether restic finds in them what it wrote. Writes nothing.
 */
export async function withVolumes(
  report: CheckReport,
  { repository, open }: { readonly repository: Repository; readonly open: OpenArchive },
  request: CheckRequest,
): Promise<CheckReport> {
  const expected = (await repository.backups(request)).flatMap(volumesOf);
  if (expected.length === 0) return report;
  request.onProgress?.({ step: 'looking for volume data', done: 0, total: expected.length, bytes: 0 });
  const present = new Set<string>();
  for await (const { key } of repository.parts.store.list(VOLUMES, request)) if (key.includes('/snapshots/')) present.add(key);
  const missing = expected.filter(({ key }) => !present.has(key));
  const clusters = new Set(expected.map(({ backup }) => backup.manifest.cluster.uid));
  const read = request.readDataPercent > 0 ? await readAll([...clusters], open, request) : [];
  const findings = [...report.findings, ...missing.map(missingFinding), ...read];
  return { ...report, findings, state: stateOf(findings), backups: report.backups.map((health) => withMissing(health, missing)) };
}

function volumesOf(backup: StoredBackup): readonly Expected[] {
  const { cluster, volumes = [] } = backup.manifest;
  return volumes.flatMap((volume) =>
    volume.data?.kind === 'restic' ? [{ backup, volume, key: volumeSnapshotKey(cluster.uid, volume.data.snapshot) }] : [],
  );
}

async function readAll(clusters: readonly string[], open: OpenArchive, request: CheckRequest): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [done, cluster] of clusters.entries()) {
    request.onProgress?.({ step: 'reading volume data', done, total: clusters.length, bytes: 0 });
    try {
      const archive = await open(cluster);
      await archive.check({ signal: request.signal ?? NEVER, readPercent: request.readDataPercent });
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof HoldfastError)) throw error;
      const isDamage = error.type === FailureType.Damaged || error.type === FailureType.NotFound;
      findings.push({
        severity: isDamage ? 'data' : 'spare',
        code: isDamage ? 'VolumeDataDamaged' : 'VolumesNotRead',
        message: `volumes of cluster ${cluster}: ${error.message}`,
        key: volumesPrefix(cluster),
        ...(error.advice === '' ? {} : { advice: error.advice }),
      });
    }
  }
  return findings;
}

function missingFinding({ backup, volume, key }: Expected): Finding {
  const message = `backup ${backup.manifest.name}: the data of volume ${volume.namespace}/${volume.claim} is gone`;
  return { severity: 'data', code: 'VolumeDataMissing', message, key, advice: ADVICE };
}

function stateOf(findings: readonly Finding[]): CheckReport['state'] {
  if (findings.some(({ severity }) => severity === 'data')) return 'damaged';
  return findings.some(({ severity }) => severity === 'spare') ? 'blemished' : 'sound';
}

function withMissing(health: BackupHealth, missing: readonly Expected[]): BackupHealth {
  const own = missing.filter(({ backup }) => backup.sequence === health.sequence);
  if (own.length === 0) return health;
  const affected = own.map(({ volume, key }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace: volume.namespace,
    count: 1,
    reason: `the data of ${volume.claim} is gone: ${key}`,
  }));
  return {
    ...health,
    state: health.state === 'whole' ? 'partly' : health.state,
    affectedObjects: health.affectedObjects + own.length,
    affected: [...health.affected, ...affected],
  };
}
