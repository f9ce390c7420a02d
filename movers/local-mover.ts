import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { MovedData, MoveProgress, VolumeSource } from '../contracts/volume.ts';
import { countFiles } from './count-files.ts';
import { putBackIn } from './local-put-back.ts';
import { LocalRestic, processEnvironment, type LocalResticSettings } from './local-restic.ts';
import { checkRestored, movedData } from './move-result.ts';
import type { BackupTask, MoveOptions, Mover, PutBackTask, RestoredData, RestoreTask } from './port.ts';
import { withBeat } from './progress-beat.ts';
import { PutBackProgress } from './put-back-progress.ts';
import {
  backupArguments,
  EMPTY_NAME,
  EVERYTHING,
  NOTHING,
  repairIndexArguments,
  restoreArguments,
  ROOT_TAG,
  snapshotsArguments,
  unlockArguments,
} from './restic-command.ts';
import { Exit, resticFailure, wasKilled, type Ended } from './restic-failure.ts';
import { EMPTY_MESSAGE, ResticOutput } from './restic-output.ts';
import { clearProcess, endProcess, findProcess, followProcess, startProcess, type ProcessPlace } from './restic-process.ts';
import { rootFolder, setRootFolder } from './root-folder.ts';
import { existingPlace, placeBelow } from './volume-folder.ts';

export interface LocalMoverSettings extends LocalResticSettings {
  /** Volumes are below this folder, and nothing else is touched. It must exist. */
  readonly root: string;
  /** Tells a process from every other that ever had its number; undefined when it is gone. */
  readonly processIdentity: (pid: number) => string | undefined;
}

type Task = BackupTask | RestoreTask;

/** The lock of a killed restic counts until the system has taken note of its death, which is up to its first process. */
const RECOVERY_MS = 10_000;
/** What a task that nobody has asked for again has left is removed after this long. */
const FORGOTTEN_MS = 24 * 60 * 60_000;

/**
 * Moves volumes that are folders of this machine, with restic as a process that outlives the worker: the next attempt of a task finds the
 * process of the one before, and goes on with it or takes its result.
 */
export class LocalMover implements Mover {
  readonly #settings: LocalMoverSettings;
  readonly #restic: LocalRestic;
  /** The last call for each task: a worker that was given a task again has not always noticed that it lost it. */
  readonly #calls = new Map<string, Promise<unknown>>();

  constructor(settings: LocalMoverSettings) {
    this.#settings = settings;
    this.#restic = new LocalRestic(settings);
  }

  reaches(source: VolumeSource): boolean {
    return source.kind === 'folder' && placeBelow(this.#settings.root, source.path) !== undefined;
  }

  async backup(task: BackupTask, options: MoveOptions): Promise<MovedData> {
    const place = this.#placeOf(task, { create: false });
    const shared = backupArguments(task, { ...this.#restic.context(task.repository), device: place });
    return this.#oneByOne({ id: task.id, progress: new ResticOutput() }, options, async (output) => {
      const command = task.volumeMode === 'Block' ? shared : [...shared, ...(await ofFolder(place, output))];
      return movedData(await this.#run({ task, place, command, output }, options.signal), task);
    });
  }

  async restore(task: RestoreTask, options: MoveOptions): Promise<RestoredData> {
    const place = this.#placeOf(task, { create: task.volumeMode === 'Filesystem' });
    const command = restoreArguments(task, { ...this.#restic.context(task.repository), device: place });
    return this.#oneByOne({ id: task.id, progress: new ResticOutput() }, options, async (output) => {
      checkRestored(await this.#run({ task, place, command, output }, options.signal), task);
      if (task.volumeMode === 'Block') return (await this.#look(task, options.signal)).count ?? { files: 0, bytes: 0 };
      if (task.path === '/') {
        await rm(join(place, EMPTY_NAME), { force: true });
        await setRootFolder(place, (await this.#look(task, options.signal)).rootFolder);
      }
      return countFiles(join(place, task.path), options.signal);
    });
  }

  async putBack(task: PutBackTask, options: MoveOptions): Promise<void> {
    const root = this.#placeOf(task, { create: false });
    await this.#oneByOne({ id: task.id, progress: new PutBackProgress(task.entries) }, options, (progress) =>
      putBackIn(root, { entries: task.entries, progress, signal: options.signal }),
    );
  }

  #placeOf({ source, id }: Pick<Task, 'source' | 'id'>, options: { readonly create: boolean }): string {
    if (source.kind !== 'folder')
      throw new HoldfastError(FailureType.BadInput, 'only a pod can mount a claim, and this worker moves folders');
    if (!/^[A-Za-z0-9-]{1,50}$/.test(id)) throw new HoldfastError(FailureType.BadInput, `mover ${id}: is not a name of a task`);
    return existingPlace(this.#settings.root, source.path, options);
  }

  /** One call of a task at a time. */
  async #oneByOne<T, Progress extends { readonly progress: MoveProgress }>(
    { id, progress }: { readonly id: string; readonly progress: Progress },
    options: MoveOptions,
    action: (progress: Progress) => Promise<T>,
  ): Promise<T> {
    options.signal.throwIfAborted();
    const before = this.#calls.get(id) ?? Promise.resolve();
    const call = withBeat(progress, options, async () => {
      await before.catch(() => undefined);
      options.signal.throwIfAborted();
      return action(progress);
    });
    this.#calls.set(id, call);
    try {
      return await call;
    } finally {
      if (this.#calls.get(id) === call) this.#calls.delete(id);
    }
  }

  /** Starts restic, or goes on with the one of an earlier attempt. Nothing of it is left afterwards, except that a cancelled or killed one is remembered. */
  async #run({ task, place, command, output }: Run, signal: AbortSignal): Promise<Ended> {
    const folder = this.#restic.taskFolder(task.id);
    const process: ProcessPlace = { folder, identity: this.#settings.processIdentity };
    const state = findProcess(process);
    if (state !== 'running') {
      await this.#removeForgotten();
      if (state === 'lost') await this.#recover(task, signal);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await clearProcess(folder);
      const environment = await processEnvironment(task.repository, folder);
      const isFolder = task.volumeMode === 'Filesystem';
      const start = { program: this.#restic.program, arguments: command, workingFolder: isFolder ? place : folder, environment };
      await startProcess(process, start);
    }
    try {
      const ended = await followProcess(process, output, signal);
      if (wasKilled(ended)) throw resticFailure(ended, `volume folder ${place}`, task.repository);
      await rm(folder, { recursive: true, force: true });
      return ended;
    } catch (error) {
      await endProcess(process);
      await clearProcess(folder);
      throw error;
    }
  }

  /**
   * The restic before was killed. What it had sent is not in an index and would be sent again, unless the index is repaired; for that restic
   * needs the repository for itself, so nothing comes of it while other movers are at work.
   */
  async #recover({ repository }: Task, signal: AbortSignal): Promise<void> {
    const context = this.#restic.context(repository);
    const deadline = performance.now() + RECOVERY_MS;
    do {
      await this.#restic.run(repository, unlockArguments(context), { signal });
      const { code } = await this.#restic.run(repository, repairIndexArguments(context), { signal });
      if (code !== Exit.Locked) return;
      await delay(RECOVERY_MS / 10, undefined, { signal });
    } while (performance.now() < deadline);
  }

  /** What the snapshot says of itself. */
  async #look(task: RestoreTask, signal: AbortSignal): Promise<ResticOutput> {
    const command = snapshotsArguments({ ...this.#restic.context(task.repository), snapshot: task.snapshot });
    const ended = await this.#restic.run(task.repository, command, { signal });
    if (!ended.output.count) throw resticFailure(ended, `snapshot ${task.snapshot.slice(0, 8)}`, task.repository);
    return ended.output;
  }

  async #removeForgotten(): Promise<void> {
    const { tasksFolder } = this.#restic;
    for (const id of await readdir(tasksFolder).catch(() => [])) {
      const folder = join(tasksFolder, id);
      const age = Date.now() - ((await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now());
      if (age < FORGOTTEN_MS || findProcess({ folder, identity: this.#settings.processIdentity }) === 'running') continue;
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** What the backup of a folder has besides, as the script of the pods has it. */
async function ofFolder(place: string, output: ResticOutput): Promise<readonly string[]> {
  const root = ['--tag', ROOT_TAG + (await rootFolder(place))];
  // restic leaves sockets out.
  if ((await readdir(place, { withFileTypes: true })).some((entry) => !entry.isSocket())) return [...root, ...EVERYTHING];
  output.take(EMPTY_MESSAGE);
  return [...root, ...NOTHING];
}

interface Run {
  readonly task: Task;
  /** The volume's folder, file or device. */
  readonly place: string;
  readonly command: readonly string[];
  readonly output: ResticOutput;
}
