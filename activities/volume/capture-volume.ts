import type { CaptureVolumeInput } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { VolumeMethod, type CapturedVolume, type Consistency, type MovedData, type VolumeSource } from '../../contracts/volume.ts';
import { coveredVolume } from '../../domain/volume/covered-volume.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Mover, VolumeRepository } from '../../movers/port.ts';
import { CLAIMS } from '../capture/builtin-types.ts';
import type { Pulse } from '../heartbeat.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import { moverId } from './mover-id.ts';
import { runLabel, temporaryMetadata, temporaryName } from './temporary.ts';
import { keepSnapshot, usableSnapshot } from './volume-snapshot.ts';

interface CaptureVolumeWork {
  readonly cluster: Cluster;
  readonly mover: Mover;
  readonly repository: () => Promise<VolumeRepository>;
  readonly input: CaptureVolumeInput;
  readonly pulse: Pulse;
}

/** Brings the data of one volume to where it survives: its snapshot, or a copy of what is in the snapshot, or of the live volume. */
export async function captureVolume(work: CaptureVolumeWork): Promise<CapturedVolume> {
  const startedAt = new Date().toISOString();
  const captured = await capture(work);
  return { ...coveredVolume(work.input.volume), ...captured, startedAt, completedAt: new Date().toISOString() };
}

async function capture(
  work: CaptureVolumeWork,
): Promise<{ readonly data: CapturedVolume['data'] & object; readonly consistency: Consistency }> {
  const { namespace, claim, method, source } = work.input.volume;
  switch (method) {
    case VolumeMethod.CsiSnapshot:
      return { data: await keepSnapshot(work), consistency: 'crash' };
    case VolumeMethod.DataMove:
      return { data: await move(work, await claimFromSnapshot(work)), consistency: 'crash' };
    case VolumeMethod.FileSystem:
      if (source) return { data: await move(work, source), consistency: 'none' };
      break;
    case VolumeMethod.Skip:
  }
  throw new HoldfastError(FailureType.BadInput, `volume of claim ${namespace}/${claim}: there is nothing to read it from`);
}

async function move({ mover, repository, input, pulse }: CaptureVolumeWork, source: VolumeSource): Promise<MovedData> {
  const { volume, backup, runId } = input;
  return mover.backup(
    {
      id: moverId(runId, volume),
      source,
      volumeMode: volume.volumeMode,
      repository: await repository(),
      run: runLabel(runId),
      host: `${volume.namespace}/${volume.claim}`,
      backup: backup.name,
    },
    {
      signal: pulse.signal,
      onProgress: (progress) => {
        pulse.beat(progress);
      },
    },
  );
}

/** A claim beside the captured one, with the content of its snapshot, for the mover alone. */
async function claimFromSnapshot(work: CaptureVolumeWork): Promise<VolumeSource> {
  const { volume, runId } = work.input;
  const { name, restoreBytes } = await usableSnapshot(work);
  const claim: JsonObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: temporaryMetadata(runId, volume),
    spec: {
      accessModes: volume.accessModes,
      volumeMode: volume.volumeMode,
      ...(volume.storageClass === '' ? {} : { storageClassName: volume.storageClass }),
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name },
      resources: { requests: { storage: String(Math.max(restoreBytes, volume.capacityBytes)) } },
    },
  };
  const own = temporaryName(runId, volume);
  await createOrAdopt(work, { type: CLAIMS, namespace: volume.namespace, name: own }, claim);
  return { kind: 'claim', namespace: volume.namespace, claim: own, node: '' };
}
