import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { MovedData, VolumeSource } from '../contracts/volume.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { checkRestored, movedData } from './move-result.ts';
import { MoverPodLife } from './mover-pod.ts';
import type { PodMoverSettings } from './pod-settings.ts';
import type { PodOfTask } from './pod-frame.ts';
import type { BackupTask, MoveOptions, Mover, PutBackTask, RestoredData, RestoreTask } from './port.ts';
import { withBeat } from './progress-beat.ts';
import { PutBackPod } from './put-back-pod.ts';
import { PutBackProgress } from './put-back-progress.ts';
import type { Ended } from './restic-failure.ts';
import { ResticOutput } from './restic-output.ts';

type Task = BackupTask | RestoreTask;

/** Moves the volumes of claims, with restic in a pod beside them that this removes whatever happens. */
export class PodMover implements Mover {
  readonly #cluster: Cluster;
  readonly #settings: PodMoverSettings;

  constructor(cluster: Cluster, settings: PodMoverSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  reaches(source: VolumeSource): boolean {
    return source.kind === 'claim';
  }

  async backup(task: BackupTask, options: MoveOptions): Promise<MovedData> {
    return this.#move(task, options, (ended) => movedData(ended, task));
  }

  async restore(task: RestoreTask, options: MoveOptions): Promise<RestoredData> {
    return this.#move(task, options, (ended) => {
      checkRestored(ended, task);
      if (ended.output.count) return ended.output.count;
      const advice = 'the image of the movers needs sh, find, stat and awk';
      throw new HoldfastError(FailureType.BadInput, `restore of snapshot ${task.snapshot.slice(0, 8)}: the pod has not counted the files`, {
        advice,
      });
    });
  }

  async putBack(task: PutBackTask, options: MoveOptions): Promise<void> {
    const { entries } = task;
    const pod = new PutBackPod(this.#cluster, this.#placeOf(task, options.signal));
    const progress = new PutBackProgress(entries);
    await withBeat(progress, options, () => this.#andRemove(pod, () => pod.run({ entries, progress, signal: options.signal })));
  }

  async #move<T>(task: Task, options: MoveOptions, resultOf: (ended: Ended) => T): Promise<T> {
    const life = new MoverPodLife(this.#cluster, { ...this.#placeOf(task, options.signal), task });
    const output = new ResticOutput();
    return withBeat(output, options, () => this.#andRemove(life, async () => resultOf(await life.run(output, options.signal))));
  }

  #placeOf(task: Pick<Task, 'id' | 'source' | 'run'>, signal: AbortSignal): PodOfTask {
    const { source: claim } = task;
    if (claim.kind !== 'claim') throw new HoldfastError(FailureType.BadInput, 'a folder cannot be mounted by a pod');
    if (!/^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/.test(task.id)) {
      throw new HoldfastError(FailureType.BadInput, `mover ${task.id}: is not a name of a task`);
    }
    signal.throwIfAborted();
    return { task, claim, settings: this.#settings };
  }

  /** Removes the pod whatever becomes of the work. */
  async #andRemove<T>(pod: { remove(): Promise<void> }, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      // What cannot be removed now is found by its labels later; it must not hide how the work ended.
      await pod.remove().catch(() => undefined);
    }
  }
}
