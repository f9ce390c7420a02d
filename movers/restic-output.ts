import type { Json, JsonObject } from '../contracts/json.ts';
import type { MoveProgress, UnreadFiles } from '../contracts/volume.ts';
import { field, isObject, listAt, objectAt, textAt } from '../domain/resource/fields.ts';
import { ROOT_TAG } from './restic-command.ts';

/** Problems that are named. */
const EXAMPLES = 20;

/** Said by us before the backup of a volume without anything in it. */
export const EMPTY_MESSAGE = '{"message_type":"holdfast_empty"}';

/**
 * What restic says in its lines of JSON, and what the script of a mover's pod adds. Lines that are neither are kept as the last words of a
 * process that could not say more; unknown messages and lines that were cut are passed over.
 */
export class ResticOutput {
  #progress: MoveProgress = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0 };
  #summary: JsonObject | undefined;
  #exit: { readonly code: number; readonly message: string } | undefined;
  #count: { readonly files: number; readonly bytes: number } | undefined;
  #rootFolder: string | undefined;
  #isEmptyVolume = false;
  #lastWords = '';
  #problems: string[] = [];
  #problemCount = 0;

  get progress(): MoveProgress {
    return this.#progress;
  }

  /** The last message of a backup or restore that came to its end. */
  get summary(): JsonObject | undefined {
    return this.#summary;
  }

  /** The code and the reason that restic gave when it failed. */
  get exit(): { readonly code: number; readonly message: string } | undefined {
    return this.#exit;
  }

  /** Mode and owners that the volume's own folder had, as the snapshot that was looked at says. */
  get rootFolder(): string | undefined {
    return this.#rootFolder;
  }

  /** What a pod found in its volume after a restore, or what the snapshot that was looked at has. */
  get count(): { readonly files: number; readonly bytes: number } | undefined {
    return this.#count;
  }

  /** There was nothing in the volume. */
  get isEmptyVolume(): boolean {
    return this.#isEmptyVolume;
  }

  get problems(): UnreadFiles {
    return { count: this.#problemCount, examples: this.#problems };
  }

  /** The last line that was not JSON. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** Forgets everything but where it stands: the lines come again from the first one on. */
  restart(): void {
    this.#summary = undefined;
    this.#exit = undefined;
    this.#count = undefined;
    this.#isEmptyVolume = false;
    this.#lastWords = '';
    this.#problems = [];
    this.#problemCount = 0;
  }

  /** Takes one line without its end. */
  take(line: string): void {
    const message = parseLine(line);
    if (Array.isArray(message)) this.#takeSnapshots(message as readonly Json[]);
    else if (isObject(message)) this.#takeMessage(message);
    else if (line.trim() !== '' && !/^[{[]/.test(line)) this.#lastWords = line.trim();
  }

  #takeMessage(message: JsonObject): void {
    switch (textAt(message, 'message_type')) {
      case 'status':
        this.#progress = progressOf(message);
        break;
      case 'summary':
        this.#summary = message;
        this.#progress = finalProgress(message, this.#progress);
        break;
      case 'error':
        this.#takeProblem(message);
        break;
      case 'exit_error':
        this.#exit = { code: numberAt(message, 'code'), message: textAt(message, 'message') };
        break;
      case 'holdfast_empty':
        this.#isEmptyVolume = true;
        break;
      case 'holdfast_count':
        this.#count = { files: numberAt(message, 'files'), bytes: numberAt(message, 'bytes') };
        break;
    }
  }

  /** `snapshots` of one. */
  #takeSnapshots(snapshots: readonly Json[]): void {
    const summary = objectAt(snapshots[0], 'summary');
    this.#count = { files: numberAt(summary, 'total_files_processed'), bytes: numberAt(summary, 'total_bytes_processed') };
    const tags = listAt(snapshots[0], 'tags').filter((tag) => typeof tag === 'string');
    this.#rootFolder = tags.find((tag) => tag.startsWith(ROOT_TAG))?.slice(ROOT_TAG.length);
  }

  #takeProblem(message: JsonObject): void {
    this.#problemCount += 1;
    if (this.#problems.length < EXAMPLES) this.#problems.push(`${textAt(message, 'item')}: ${textAt(message, 'error', 'message')}`);
  }
}

/** A number at a path; 0 when there is none: restic leaves zeros out. */
export function numberAt(object: Json | undefined, ...path: readonly string[]): number {
  const value = field(object, ...path);
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function progressOf(message: JsonObject): MoveProgress {
  const filesSkipped = numberAt(message, 'files_skipped');
  const bytesSkipped = numberAt(message, 'bytes_skipped');
  return {
    filesDone: numberAt(message, 'files_done') + numberAt(message, 'files_restored') + filesSkipped,
    filesTotal: numberAt(message, 'total_files') + filesSkipped,
    bytesDone: numberAt(message, 'bytes_done') + numberAt(message, 'bytes_restored') + bytesSkipped,
    bytesTotal: numberAt(message, 'total_bytes') + bytesSkipped,
  };
}

function finalProgress(summary: JsonObject, before: MoveProgress): MoveProgress {
  if (field(summary, 'snapshot_id') === undefined) return progressOf(summary);
  const files = numberAt(summary, 'total_files_processed');
  const bytes = numberAt(summary, 'total_bytes_processed');
  return { ...before, filesDone: files, filesTotal: files, bytesDone: bytes, bytesTotal: bytes };
}

/** A line of restic's that is JSON; undefined for others. */
export function parseLine(line: string): Json | undefined {
  if (!/^[{[]/.test(line)) return undefined;
  try {
    return JSON.parse(line) as Json;
  } catch {
    return undefined;
  }
}
