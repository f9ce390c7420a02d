import { setTimeout as delay } from 'node:timers/promises';
import type { RestoreVolumeInput } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { CapturedVolume, MovedData, RestoredVolume, VolumeSource } from '../../contracts/volume.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { volumeFacts } from '../../domain/volume/volume-facts.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Mover, MoveOptions, PutBackEntry, RestoredData, VolumeRepository } from '../../movers/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { isMadeSince, isOwnWork } from '../apply/field-manager.ts';
import { CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES } from '../capture/builtin-types.ts';
import type { Pulse } from '../heartbeat.ts';
import { readStream, streamNamed } from '../../repository/read-stream.ts';
import { moverId } from './mover-id.ts';
import { runLabel } from './temporary.ts';

const POLL_MS = 250;

export interface RestoreVolumeWork {
  readonly cluster: Cluster;
  readonly mover: Mover;
  readonly repository: VolumeRepository;
  /** Where the streams of plugins are. */
  readonly backups: Repository;
  readonly input: RestoreVolumeInput;
  readonly pulse: Pulse;
}

/** A claim in the cluster, ready to be filled. */
interface Target {
  readonly namespace: string;
  readonly claim: string;
  readonly source: VolumeSource;
}

/**
 * Fills the volume of a claim. Data that is there from before the restore is left alone unless the restore is in place: a volume that has
 * outlived its claim may hold more than the backup does.
 */
export async function restoreVolume(work: RestoreVolumeWork): Promise<RestoredVolume> {
  const { volume, restore } = work.input;
  const where = { namespace: mapNamespace(restore.options.namespaceMapping, volume.namespace), claim: volume.claim };
  const done = (outcome: RestoredVolume['outcome'], reason: string, { files, bytes }: RestoredData = { files: 0, bytes: 0 }) => ({
    ...where,
    outcome,
    reason,
    files,
    bytes,
  });
  const { data } = volume;
  if (data?.kind !== 'restic') return done('left', `the backup has no data of it (${volume.method})`);
  const target = await findTarget(where, work);
  if ('reason' in target) return done(target.outcome, target.reason);
  const restored = await move(target, data, work);
  const problem = shortfall(restored, data);
  if (problem === '') await putBack(target, work);
  return done(problem === '' ? 'restored' : 'failed', problem, restored);
}

async function move(target: Target, data: MovedData, { mover, repository, input, pulse }: RestoreVolumeWork): Promise<RestoredData> {
  const { inPlace = false, checksum = false } = input.restore.options.volumes ?? {};
  return mover.restore(
    {
      id: moverId(input.runId, target),
      source: target.source,
      volumeMode: input.volume.volumeMode,
      repository,
      run: runLabel(input.runId),
      snapshot: data.snapshot,
      path: '/',
      // Also what an attempt before this one has put back: it would be counted.
      exact: inPlace || (input.volume.putBack ?? []).length > 0,
      checksum,
    },
    moveOptions(pulse),
  );
}

/** What the application needs to start from these files. Without it they would not belong together, and it might not notice. */
async function putBack(target: Target, { mover, backups, input, pulse }: RestoreVolumeWork): Promise<void> {
  const entries = entriesOf(input.volume, backups, pulse.signal);
  if (entries.length === 0) return;
  const { source } = target;
  const task = { id: `${moverId(input.runId, target)}-put`, source, run: runLabel(input.runId), entries };
  await mover.putBack(task, moveOptions(pulse));
}

function entriesOf(
  { claim, putBack: wanted = [], streams = [] }: CapturedVolume,
  backups: Repository,
  signal: AbortSignal,
): PutBackEntry[] {
  return wanted
    .filter((item) => item.claim === claim)
    .map((item): PutBackEntry => {
      if (item.kind !== 'tar') return item;
      const stream = streamNamed(streams, item.stream);
      return { kind: 'tar', path: item.path, bytes: stream.bytes, content: () => readStream(backups, stream, signal) };
    });
}

function moveOptions(pulse: Pulse): MoveOptions {
  return {
    signal: pulse.signal,
    onProgress: (progress) => {
      pulse.beat(progress);
    },
  };
}

function shortfall(restored: RestoredData, recorded: MovedData): string {
  if (restored.files === recorded.files && restored.bytes === recorded.bytes) return '';
  return `the backup has ${recorded.files} files with ${recorded.bytes} bytes, ${restored.files} files with ${restored.bytes} bytes are there`;
}

type Refusal = Pick<RestoredVolume, 'outcome' | 'reason'>;

/** Waits until the claim can be written to. */
async function findTarget(where: Pick<Target, 'namespace' | 'claim'>, work: RestoreVolumeWork): Promise<Target | Refusal> {
  const { input, pulse } = work;
  const deadline = performance.now() + input.restore.options.readinessTimeoutMs;
  for (;;) {
    pulse.beat();
    const found = await lookFor(where, work);
    if (found) return found;
    if (performance.now() > deadline) return { outcome: 'failed', reason: 'its claim was not bound in time' };
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
}

/** Undefined while the claim waits for its volume. */
async function lookFor(where: Pick<Target, 'namespace' | 'claim'>, work: RestoreVolumeWork): Promise<Target | Refusal | undefined> {
  const { cluster, input, pulse } = work;
  const claim = (await cluster.get({ type: CLAIMS, namespace: where.namespace, name: where.claim }, { signal: pulse.signal }))?.object;
  if (!claim) return { outcome: 'failed', reason: 'its claim is not in the cluster' };
  const bound = await boundVolume(claim, cluster, pulse.signal);
  const kept = input.restore.options.volumes?.inPlace === true ? '' : earlierData(claim, bound, input);
  if (kept !== '') return { outcome: 'left', reason: `${kept}: its data is left as it is (--in-place overwrites it)` };
  if (!bound && !(await waitsForPod(claim, cluster, pulse.signal))) return undefined;
  const source = sourceOf(claim, bound, work);
  return source ? { ...where, source } : { outcome: 'failed', reason: 'no mover can reach its volume' };
}

/** Why the volume may hold data from before this restore; '' when it cannot. */
function earlierData(claim: JsonObject, bound: JsonObject | undefined, { restore, serverTime }: RestoreVolumeInput): string {
  if (!isOwnWork(claim, restore.name, serverTime)) return 'the claim was there before this restore';
  if (bound && !isMadeSince(bound, serverTime)) return `the volume ${textAt(bound, 'metadata', 'name')} has outlived its claim`;
  return '';
}

async function boundVolume(claim: JsonObject, cluster: Cluster, signal: AbortSignal): Promise<JsonObject | undefined> {
  const name = textAt(claim, 'spec', 'volumeName');
  if (name === '' || textAt(claim, 'status', 'phase') !== 'Bound') return undefined;
  return (await cluster.get({ type: PERSISTENT_VOLUMES, namespace: '', name }, { signal }))?.object;
}

function sourceOf(claim: JsonObject, bound: JsonObject | undefined, { mover }: RestoreVolumeWork): VolumeSource | undefined {
  const facts = volumeFacts(claim, bound);
  const sources: readonly VolumeSource[] = [
    ...(facts.folder === '' ? [] : [{ kind: 'folder', path: facts.folder } as const]),
    { kind: 'claim', namespace: facts.namespace, claim: facts.claim, node: '' },
  ];
  return sources.find((source) => mover.reaches(source));
}

/** True when nothing is bound before a pod mounts the claim: the mover's pod does. */
async function waitsForPod(claim: JsonObject, cluster: Cluster, signal: AbortSignal): Promise<boolean> {
  const name = textAt(claim, 'spec', 'storageClassName');
  if (name === '') return false;
  try {
    const found = await cluster.get({ type: STORAGE_CLASSES, namespace: '', name }, { signal });
    return textAt(found?.object, 'volumeBindingMode') === 'WaitForFirstConsumer';
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.Forbidden) return false;
    throw error;
  }
}
