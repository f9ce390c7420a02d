import { setTimeout as delay } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json } from '../contracts/json.ts';
import { field, listAt, textAt } from '../domain/resource/fields.ts';
import { archivedFile } from './archived-file.ts';
import type { LocalRestic, RunOptions } from './local-restic.ts';
import type { VolumeRepository } from './port.ts';
import * as command from './restic-command.ts';
import { Exit, resticFailure, type Ended } from './restic-failure.ts';
import { numberAt, parseLine } from './restic-output.ts';
import type {
  ArchiveCall,
  ArchivedFile,
  ArchivedSnapshot,
  ArchiveParts,
  ArchivePlace,
  ArchiveProgress,
  ListOptions,
  UpkeepCall,
  VolumeArchive,
} from './volume-archive.ts';

/** What is unlocked is looked at again after this: a lock of a killed restic counts until the system has taken note of its death. */
const RETRY_MS = 1_000;
/** A folder with more than this in restic's own form is listed without the targets of its links. */
const LARGEST_TREE = 64 * 1024 * 1024;

/** The restic repository of a cluster, reached by processes of this machine. They end with the call that needs them. */
export class ResticArchive implements VolumeArchive {
  readonly #restic: LocalRestic;
  readonly #repository: VolumeRepository;

  constructor(restic: LocalRestic, repository: VolumeRepository) {
    this.#restic = restic;
    this.#repository = repository;
  }

  async snapshots({ signal }: ArchiveCall): Promise<readonly ArchivedSnapshot[]> {
    const { lines } = await this.#say('snapshots of the restic repository', command.snapshotsArguments(this.#context), { signal });
    const found = lines.flatMap((line) => (line.startsWith('[') ? (JSON.parse(line) as Json[]) : []));
    return found.map((snapshot) => ({
      id: textAt(snapshot, 'id'),
      host: textAt(snapshot, 'hostname'),
      backup: tagOf(snapshot, 'backup='),
      time: new Date(textAt(snapshot, 'time')).toISOString(),
    }));
  }

  async list(place: ArchivePlace, { recursive, signal, onFile }: ListOptions): Promise<void> {
    const { snapshot, path } = place;
    let found = path === '/';
    let targets: Promise<ReadonlyMap<string, string>> | undefined;
    const take = async (file: ArchivedFile): Promise<void> => {
      // What stands for an empty volume is not in it, and a folder is not in itself.
      if (file.path === `/${command.EMPTY_NAME}`) return;
      const isItself = file.path === path;
      found ||= isItself || file.path.startsWith(`${path}/`);
      if (isItself && file.type === 'dir') return;
      if (recursive || file.type !== 'symlink') return onFile(file);
      targets ??= this.#targetsIn({ snapshot, path: isItself ? parentOf(path) : path }, signal);
      const target = (await targets).get(file.path.slice(file.path.lastIndexOf('/') + 1));
      await onFile(target === undefined ? file : { ...file, target });
    };
    const onLine = async (line: string): Promise<void> => {
      const file = archivedFile(line);
      if (file) await take(file);
    };
    const ended = await this.#run(command.lsArguments(snapshot, path, { ...this.#context, recursive }), { signal, onLine });
    if (ended.code !== Exit.Done) throw resticFailure(ended, `${path} in snapshot ${snapshot.slice(0, 8)}`, this.#repository);
    if (!found) throw nothingAt(place);
  }

  async read(place: ArchivePlace, options: ArchiveCall & { readonly onData: (chunk: Buffer) => void | Promise<void> }): Promise<void> {
    const { signal, onData } = options;
    // restic sends a folder as an archive of its own making, and fails at links with words of its own.
    await this.list(place, {
      signal,
      recursive: false,
      onFile: ({ path, type }) => {
        if (path === place.path && type === 'file') return;
        throw new HoldfastError(FailureType.BadInput, `${place.path} in snapshot ${place.snapshot.slice(0, 8)}: is no file`, {
          advice: 'name a file; folders can be restored',
        });
      },
    });
    const ended = await this.#run(command.dumpArguments(place.snapshot, place.path, this.#context), { signal, onData });
    if (ended.code !== Exit.Done) throw resticFailure(ended, `${place.path} in snapshot ${place.snapshot.slice(0, 8)}`, this.#repository);
  }

  async restore(parts: ArchiveParts, options: ArchiveCall & { readonly onProgress: (progress: ArchiveProgress) => void }): Promise<void> {
    const { signal, onProgress } = options;
    const onLine = (line: string): void => {
      const status = parseLine(line);
      if (textAt(status, 'message_type') !== 'status') return;
      onProgress({ step: 'restoring', done: numberAt(status, 'bytes_restored'), total: numberAt(status, 'total_bytes') });
    };
    const what = `restore of snapshot ${parts.snapshot.slice(0, 8)}`;
    const { output, ended } = await this.#say(what, command.restorePartsArguments(parts, this.#context), { signal, onLine });
    if (output.problems.count > 0) throw resticFailure(ended, what, this.#repository);
  }

  async forget(snapshots: readonly string[], call: UpkeepCall): Promise<void> {
    if (snapshots.length === 0) return;
    const wrong = snapshots.find((id) => !/^[0-9a-f]{64}$/.test(id));
    if (wrong !== undefined) throw new HoldfastError(FailureType.BadInput, `${JSON.stringify(wrong)} is not a whole id of a snapshot`);
    await this.#alone('forgetting snapshots', call, command.forgetArguments(snapshots, this.#context));
  }

  async prune({ repack, ...call }: UpkeepCall & { readonly repack: boolean }): Promise<void> {
    await this.#alone('pruning the restic repository', call, command.pruneArguments({ ...this.#context, repack }));
  }

  async storedBytes(snapshots: readonly string[], { signal }: ArchiveCall): Promise<number> {
    // Without any, restic counts all.
    if (snapshots.length === 0) return 0;
    const { lines } = await this.#say('statistics of the restic repository', command.statsArguments(snapshots, this.#context), { signal });
    return numberAt(
      lines.map(parseLine).find((line) => field(line, 'total_size') !== undefined),
      'total_size',
    );
  }

  async check({ signal, readPercent }: ArchiveCall & { readonly readPercent: number }): Promise<void> {
    const once = () => this.#run(command.checkArguments({ ...this.#context, readPercent }), { signal });
    const isSound = ({ code, output }: Ended): boolean => code === Exit.Done && output.problems.count === 0;
    if (isSound(await once())) return;
    // It takes no lock, so a prune at the same time looks like damage.
    const ended = await once();
    if (isSound(ended)) return;
    const failure = resticFailure(ended, 'check of the restic repository', this.#repository);
    const isFinding = ended.code === Exit.Failed && failure.type === FailureType.Unavailable;
    throw isFinding ? new HoldfastError(FailureType.Damaged, failure.message, { advice: 'look at it with: restic check' }) : failure;
  }

  get #context() {
    return this.#restic.context(this.#repository);
  }

  #run(words: readonly string[], options: RunOptions): Promise<Ended> {
    return this.#restic.run(this.#repository, words, options);
  }

  /** Runs a command to its good end, and gives its lines. */
  async #say(what: string, words: readonly string[], options: RunOptions) {
    const lines: string[] = [];
    const onLine = async (line: string): Promise<void> => {
      if (options.onLine) await options.onLine(line);
      else lines.push(line);
    };
    const ended = await this.#run(words, { ...options, onLine });
    if (ended.code !== Exit.Done) throw resticFailure(ended, what, this.#repository);
    return { lines, ended, output: ended.output };
  }

  /** Runs what needs the repository for itself: locks of the dead are removed, those of movers at work are waited for. */
  async #alone(step: string, { signal, patienceMs, onProgress }: UpkeepCall, words: readonly string[]): Promise<void> {
    const onLine = (line: string): void => {
      const [, done, total, what] = /(\d+) \/ (\d+) (.+)$/.exec(line) ?? [];
      if (done !== undefined) onProgress({ step: `${step}: ${what ?? ''}`, done: Number(done), total: Number(total) });
    };
    const deadline = performance.now() + patienceMs;
    onProgress({ step, done: 0, total: 0 });
    for (;;) {
      await this.#unlock(signal);
      const ended = await this.#run(words, { signal, onLine });
      if (ended.code === Exit.Done) return;
      if (ended.code !== Exit.Locked) throw resticFailure(ended, step, this.#repository);
      onProgress({ step: `${step}: waiting for movers`, done: 0, total: 0 });
      if (performance.now() > deadline) throw moversAtWork(step);
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  async #unlock(signal: AbortSignal): Promise<void> {
    await this.#say('removing the locks of dead movers', command.unlockArguments(this.#context), { signal });
  }

  /** Where the symbolic links of a folder point. */
  async #targetsIn({ snapshot, path }: ArchivePlace, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= LARGEST_TREE) chunks.push(chunk);
    };
    const ended = await this.#run(command.treeArguments(snapshot, path, this.#context), { signal, onData });
    if (ended.code !== Exit.Done || bytes > LARGEST_TREE) return new Map();
    const nodes = listAt(parseLine(Buffer.concat(chunks).toString()), 'nodes').filter((node) => field(node, 'linktarget') !== undefined);
    return new Map(nodes.map((node) => [textAt(node, 'name'), textAt(node, 'linktarget')]));
  }
}

function moversAtWork(step: string): HoldfastError {
  return new HoldfastError(FailureType.Unavailable, `${step}: movers are at work in the restic repository`, {
    advice: 'run it again later; nothing that is needed was touched',
  });
}

function nothingAt({ snapshot, path }: ArchivePlace): HoldfastError {
  return new HoldfastError(FailureType.NotFound, `there is no ${path} in snapshot ${snapshot.slice(0, 8)}`, {
    advice: 'see what there is with "holdfast volume browse"',
  });
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function tagOf(snapshot: Json, prefix: string): string {
  const tag = listAt(snapshot, 'tags').find((text) => typeof text === 'string' && text.startsWith(prefix));
  return typeof tag === 'string' ? tag.slice(prefix.length) : '';
}
