/** A commit of a branch, as far as it tells whose files are whose. */
export interface OwningCommit {
  /** Whose sync made it; '' for a commit of people's. */
  readonly cluster: string;
  /** Clusters whose files it took over, with all that they had written before. */
  readonly takesOver: readonly string[];
  /** What it created, changed or deleted. */
  readonly paths: readonly string[];
}

/** Tells who was the last to touch some files, from the commits of their branch, the newest first. */
export class FileOwners {
  readonly #open: Set<string>;
  readonly #owners = new Map<string, string>();
  readonly #heirs = new Map<string, string>();

  constructor(paths: Iterable<string>) {
    this.#open = new Set(paths);
  }

  /** False when all is known: older commits tell no more. */
  see({ cluster, takesOver, paths }: OwningCommit): boolean {
    const owner = this.#heirs.get(cluster) ?? cluster;
    for (const path of paths) if (this.#open.delete(path)) this.#owners.set(path, owner);
    for (const former of takesOver) this.#heirs.set(former, owner);
    return this.#open.size > 0;
  }

  /** Files whose last commit is a sync of another cluster, with its name; sorted by path. */
  ofOthers(cluster: string): readonly (readonly [path: string, cluster: string])[] {
    return [...this.#owners].filter(([, owner]) => owner !== '' && owner !== cluster).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
