import type { Issue } from '../../contracts/outcome.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { rulesFor } from '../../domain/git/field-rules.ts';
import { ReleaseFile, releaseFolder, releasePath, RELEASES, releaseTexts, takesReleases } from '../../domain/git/release-files.ts';
import type { Release } from '../../domain/helm/release.ts';
import { CurrentRecords, storedRecord, type StoredRecord } from '../../domain/helm/stored-record.ts';
import type { GitRemote } from '../../git/port.ts';
import type { Charts } from '../../helm/port.ts';
import type { GitState, SourceObject } from './git-source.ts';
import type { RenderedFile } from './rendered-files.ts';

/** Helm has removed the release and kept its history. */
const UNINSTALLED = 'uninstalled';
const VALUES = [ReleaseFile.Values, ReleaseFile.Computed];

/** Finds Helm's records while the objects of a sync pass by, and makes the files of the releases of them. */
export class ReleaseRecords {
  readonly #remote: Pick<GitRemote, 'rules' | 'helmValues'>;
  readonly #charts: () => Promise<Charts>;
  readonly #current = new CurrentRecords();
  readonly #unreadable = new Set<string>();
  /** Of releases whose record cannot be read. */
  readonly warnings: Issue[] = [];

  constructor(remote: Pick<GitRemote, 'rules' | 'helmValues'>, charts: () => Promise<Charts>) {
    this.#remote = remote;
    this.#charts = charts;
  }

  /** True when the object is a record: it is not in Git itself. */
  take({ object, type }: SourceObject): boolean {
    if (type.group !== '' || (type.kind !== 'Secret' && type.kind !== 'ConfigMap')) return false;
    const record = storedRecord(type.kind, object);
    if (record && record.release !== '') this.#current.add(record);
    return record !== undefined;
  }

  /** The files of all releases whose records have passed by. */
  async *files({ selections }: Pick<GitState, 'selections'>): AsyncGenerator<RenderedFile> {
    const { ignored, apply } = rulesFor(this.#remote.rules, RELEASES);
    const heads = this.#current.heads().filter(({ current }) => current.status !== UNINSTALLED);
    if (ignored || heads.length === 0 || !takesReleases(selections)) return;
    const charts = await this.#charts();
    for (const { namespace, release: name, current } of heads) {
      const release = this.#decoded(charts, current);
      if (release) yield* this.#filesOf({ ...release, namespace, name }, apply);
      else this.#unreadable.add(releaseFolder({ namespace, name }));
    }
  }

  /** Whether a file is of a release whose record cannot be read: it stays as it is. */
  keeps(path: string): boolean {
    return this.#unreadable.has(path.slice(0, path.lastIndexOf('/')));
  }

  *#filesOf(release: Release, apply: Parameters<typeof releaseTexts>[1]): Generator<RenderedFile> {
    const { helmValues } = this.#remote;
    const texts = releaseTexts(release, apply);
    yield { path: releasePath(release, ReleaseFile.Chart), text: texts[ReleaseFile.Chart], sealed: false };
    if (helmValues === 'omit') return;
    const sealed = helmValues === 'encrypt';
    for (const file of VALUES) yield { path: releasePath(release, file, sealed), text: texts[file], sealed };
  }

  #decoded(charts: Charts, record: StoredRecord): Release | undefined {
    try {
      return charts.decode(record);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      const object = { apiVersion: 'v1', kind: record.kind, namespace: record.namespace, name: record.objectName };
      this.warnings.push({
        code: 'ReleaseUnreadable',
        message: `${error.message}; its files in Git stay as they are`,
        object,
        advice: error.advice,
      });
      return undefined;
    }
  }
}
