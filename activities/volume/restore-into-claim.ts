import { createHash } from 'node:crypto';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { MoveProgress, VolumeSource } from '../../contracts/volume.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { podsByClaim } from '../../domain/volume/pods-by-claim.ts';
import { volumeFacts } from '../../domain/volume/volume-facts.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Mover, RestoredData, VolumeRepository } from '../../movers/port.ts';
import { CLAIMS, PERSISTENT_VOLUMES, PODS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import { RUN_LABEL, runLabel } from './temporary.ts';

/** Every restore of this kind bears the same label: the next one removes what a killed one has left. */
const RUN = 'restore-into-claim';
const ENDED = new Set(['Succeeded', 'Failed']);

export interface ClaimRestore {
  readonly cluster: Cluster;
  readonly mover: Mover;
  readonly repository: VolumeRepository;
  readonly snapshot: string;
  /** Each beginning with `/`; `/` alone is everything. */
  readonly paths: readonly string[];
  readonly namespace: string;
  readonly claim: string;
}

export interface ClaimRestoreCall {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: MoveProgress) => void;
}

/**
 * Writes parts of a snapshot over what is in the volume of a claim, which may be in use: beside its pods, on their node. Nothing is deleted. Called
 * again with the same request it goes on with the mover of a call that was killed. `NotFound`: no such claim or path; `BadInput`: a claim without a
 * volume or with a block device; `Unavailable`: no mover reaches it.
 */
export async function restoreIntoClaim(request: ClaimRestore, call: ClaimRestoreCall): Promise<RestoredData> {
  const { mover, repository, snapshot, paths } = request;
  await removeEnded(request, call.signal);
  const source = await findSource(request, call.signal);
  const sum = { files: 0, bytes: 0 };
  for (const path of paths) {
    const id = createHash('sha256').update([snapshot, request.namespace, request.claim, path].join('\n')).digest('hex').slice(0, 20);
    const task = {
      id,
      source,
      volumeMode: 'Filesystem',
      repository,
      run: runLabel(RUN),
      snapshot,
      path,
      exact: false,
      checksum: true,
    } as const;
    const { files, bytes } = await mover.restore(task, call);
    sum.files += files;
    sum.bytes += bytes;
  }
  return sum;
}

async function findSource(request: ClaimRestore, signal: AbortSignal): Promise<VolumeSource> {
  const { cluster, mover, namespace, claim: name } = request;
  const claim = (await cluster.get({ type: CLAIMS, namespace, name }, { signal }))?.object;
  const where = `claim ${namespace}/${name}`;
  if (!claim) throw new HoldfastError(FailureType.NotFound, `${where}: is not in the cluster`, { advice: 'see `kubectl get pvc -A`' });
  const facts = volumeFacts(claim, await boundVolume(cluster, claim, signal));
  if (facts.claimPhase !== 'Bound') {
    throw new HoldfastError(FailureType.BadInput, `${where}: has no volume yet`, { advice: 'start a pod that mounts it first' });
  }
  if (facts.volumeMode === 'Block') {
    const advice = 'a device is restored as a whole: "holdfast restore create --in-place"';
    throw new HoldfastError(FailureType.BadInput, `${where}: is a block device, and has no files`, { advice });
  }
  const pods = podsByClaim(await listAll(cluster, { type: PODS, namespace }, signal)).get(`${namespace}/${name}`) ?? [];
  const sources: readonly VolumeSource[] = [
    ...(facts.folder === '' ? [] : [{ kind: 'folder', path: facts.folder } as const]),
    { kind: 'claim', namespace, claim: name, node: pods.find(({ node }) => node !== '')?.node ?? '' },
  ];
  const source = sources.find((candidate) => mover.reaches(candidate));
  if (source) return source;
  throw new HoldfastError(FailureType.Unavailable, `${where}: no mover can reach its volume`, { advice: 'see docs/movers.md' });
}

async function boundVolume(cluster: Cluster, claim: JsonObject, signal: AbortSignal): Promise<JsonObject | undefined> {
  const name = textAt(claim, 'spec', 'volumeName');
  if (name === '') return undefined;
  return (await cluster.get({ type: PERSISTENT_VOLUMES, namespace: '', name }, { signal }))?.object;
}

/** A command that is killed leaves its mover; that goes on to its end, and its pod stays. The Secret goes with the pod. */
async function removeEnded({ cluster, namespace }: ClaimRestore, signal: AbortSignal): Promise<void> {
  const labelSelector = `${RUN_LABEL}=${runLabel(RUN)}`;
  for (const pod of await listAll(cluster, { type: PODS, namespace, labelSelector }, signal)) {
    if (!ENDED.has(textAt(pod, 'status', 'phase'))) continue;
    await cluster.delete({ type: PODS, namespace, name: textAt(pod, 'metadata', 'name') }, { signal });
  }
}
