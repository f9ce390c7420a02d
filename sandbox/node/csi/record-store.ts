import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One thing that the driver keeps, with its content beside its record. */
interface StoredRecord {
  readonly id: string;
}

/** Things of one kind, each a folder with `record.json` and `content`. A thing is there whole or not at all, also after a kill -9. */
export class RecordStore<R extends StoredRecord> {
  readonly #folder: string;
  readonly #prefix: string;

  /** Ids begin with the prefix. */
  constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  /** The same name has the same id, so that a repeated request finds what the first one made. */
  idOf(name: string): string {
    return `${this.#prefix}-${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
  }

  /** Undefined when there is none, for ids too that we have not given. */
  async read(id: string): Promise<R | undefined> {
    if (!this.#isOurs(id)) return undefined;
    const text = await readFile(this.#recordFile(id), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as R);
  }

  /** All of them, by id. */
  async list(): Promise<readonly R[]> {
    const ids = await readdir(this.#folder).catch(() => []);
    const records = await Promise.all(ids.toSorted().map((id) => this.read(id)));
    return records.filter((record) => record !== undefined);
  }

  /** `fill` makes the content at the path that it is given. */
  async create(record: R, fill: (content: string) => Promise<void>): Promise<R> {
    const unfinished = join(this.#folder, `.unfinished-${record.id}`);
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await fill(join(unfinished, 'content'));
    await writeFile(join(unfinished, 'record.json'), JSON.stringify(record));
    await rename(unfinished, join(this.#folder, record.id));
    return record;
  }

  async update(record: R): Promise<R> {
    const file = this.#recordFile(record.id);
    await writeFile(`${file}.new`, JSON.stringify(record));
    await rename(`${file}.new`, file);
    return record;
  }

  /** Done twice it does no harm. */
  async remove(id: string): Promise<void> {
    if (this.#isOurs(id)) await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  contentOf(id: string): string {
    return join(this.#folder, id, 'content');
  }

  #recordFile(id: string): string {
    return join(this.#folder, id, 'record.json');
  }

  #isOurs(id: string): boolean {
    return id.startsWith(`${this.#prefix}-`) && /^[a-z]+-[0-9a-f]{24}$/.test(id);
  }
}
