import type { CallOptions } from '../../storage/object-store.ts';
import { liveBackups, type BackupEntry } from '../chain-entries.ts';
import { CatalogueReader, type CataloguePart } from '../check/catalogue.ts';
import { readEntries } from '../check/check-chain.ts';
import { readIndexes } from '../check/check-indexes.ts';
import { takeInventory, type Inventory } from '../check/inventory.ts';
import type { FileTotals, OnProgress } from '../check/report.ts';
import { StoredPacks } from '../check/stored-packs.ts';
import type { Repository } from '../repository.ts';
import { SegmentUsage, type CompactPart, type Usage } from './segment-usage.ts';

const DAY_MS = 86_400_000;

interface BackupStatistics {
  readonly name: string;
  readonly sequence: number;
  readonly cluster: string;
  readonly completedAt: string;
  readonly objects: number;
  /** Bytes of JSON. */
  readonly logicalBytes: number;
  /** Stored bytes that no earlier backup of those there now needs. */
  readonly addedBytes: number;
  /** Stored bytes that no other backup needs. */
  readonly uniqueBytes: number;
  /** Bytes of the packs that garbage collection can free once it is deleted; it frees whole packs only. */
  readonly freedIfDeleted: number;
}

interface NamespaceStatistics {
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  /** Summed over the backups. */
  readonly objects: number;
  readonly logicalBytes: number;
  /** Each stored segment once, where a backup needed it first. */
  readonly storedBytes: number;
}

/** All sizes in bytes. */
export interface RepositoryStatistics {
  readonly repository: string;
  readonly url: string;
  readonly backups: number;
  /** JSON of all objects of all backups. */
  readonly logicalBytes: number;
  /** The same, each different segment once. */
  readonly uniqueBytes: number;
  /** Everything that is stored in the location. */
  readonly storedBytes: number;
  readonly dedupRatio: number;
  readonly compressionRatio: number;
  readonly garbage: {
    /** Whole packs that no backup needs, packs that no index names included. */
    readonly packs: number;
    readonly packBytes: number;
    /** In packs of which a backup needs something else: not freed, but not copied by later backups either. */
    readonly deadBytes: number;
  };
  readonly growth: { readonly days: number; readonly perDay: number; readonly perBackup: number };
  readonly files: FileTotals;
  /** Oldest first. */
  readonly perBackup: readonly BackupStatistics[];
  /** Largest first. */
  readonly perNamespace: readonly NamespaceStatistics[];
  /** What could not be read, and is therefore not counted; `repository check` says more. */
  readonly problems: readonly string[];
}

/** What a repository costs and what for. Reads indexes, manifests and catalogues, no packs. */
export async function repositoryStatistics(
  repository: Repository,
  options: CallOptions & { readonly onProgress?: OnProgress } = {},
): Promise<RepositoryStatistics> {
  const { parts } = repository;
  const inventory = await takeInventory(parts.store, options);
  const stored = new StoredPacks(inventory.packs);
  const keys = inventory.indexes.map(({ key }) => key);
  const indexes = await readIndexes({ store: parts.store, sealer: parts.sealer, packs: stored }, keys, options);
  const entries = await readEntries(parts, inventory.sequences, options);
  const backups = liveBackups(entries);
  const damage = entries.flatMap(({ content }) => ('damage' in content ? [content.damage.message] : []));
  const usage = new SegmentUsage(stored);
  const catalogues = new Catalogues(usage);
  let done = 0;
  for await (const part of new CatalogueReader(parts, stored).parts(backups, options)) {
    catalogues.enter(part);
    options.onProgress?.({ step: 'reading catalogues', done: ++done, total: 0, bytes: 0 });
  }
  for (const { manifest } of backups) usage.addBackup(catalogues.take(manifest.parts));
  return summary({ repository, inventory, stored, backups, usage, catalogues }, [...indexes.damaged.values(), ...damage]);
}

interface Gathered {
  readonly repository: Repository;
  readonly inventory: Inventory;
  readonly stored: StoredPacks;
  readonly backups: readonly BackupEntry[];
  readonly usage: SegmentUsage;
  readonly catalogues: Catalogues;
}

function summary({ repository, inventory, stored, backups, usage, catalogues }: Gathered, damage: readonly string[]): RepositoryStatistics {
  const usages = usage.finish();
  const perBackup = backups.map((backup, index) => statisticsOf(backup, usages[index]));
  const logicalBytes = perBackup.reduce((sum, backup) => sum + backup.logicalBytes, 0);
  const packBytes = inventory.totals.packs.bytes;
  const needed = stored.all.filter((pack) => pack.needed && pack.storedBytes !== undefined);
  const neededBytes = needed.reduce((sum, pack) => sum + (pack.storedBytes ?? 0), 0);
  return {
    repository: repository.id,
    url: repository.parts.store.url,
    backups: backups.length,
    logicalBytes,
    uniqueBytes: usage.plainBytes,
    storedBytes: Object.values(inventory.totals).reduce((sum, { bytes }) => sum + bytes, 0),
    dedupRatio: ratio(logicalBytes, usage.plainBytes),
    compressionRatio: ratio(usage.plainBytes, usage.liveBytes),
    garbage: {
      packs: inventory.packs.size - needed.length,
      packBytes: packBytes - neededBytes,
      deadBytes: Math.max(0, neededBytes - usage.liveBytes),
    },
    growth: growthOf(perBackup),
    files: inventory.totals,
    perBackup,
    perNamespace: catalogues.perNamespace(backups),
    problems: [...damage, ...catalogues.problems],
  };
}

/** What catalogues list, compactly: backups mostly share them. */
class Catalogues {
  readonly #usage: SegmentUsage;
  readonly #namespaces: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #parts = new Map<
    string,
    { readonly compact: CompactPart; readonly sums: ReadonlyMap<number, { objects: number; bytes: number }> }
  >();
  readonly problems: string[] = [];

  constructor(usage: SegmentUsage) {
    this.#usage = usage;
  }

  enter({ id, content }: CataloguePart): void {
    if ('reason' in content) {
      this.problems.push(`catalogue ${id.slice(0, 16)}: ${content.reason}`);
      return;
    }
    const sums = new Map<number, { objects: number; bytes: number }>();
    const segments = content.resources.flatMap((resource) => {
      const namespace = this.#number(resource.namespace);
      const sum = sums.get(namespace) ?? { objects: 0, bytes: 0 };
      sums.set(namespace, { objects: sum.objects + resource.count, bytes: sum.bytes + resource.bytes });
      return resource.segments.map((segment) => ({ id: segment.id, namespace }));
    });
    // The catalogue is a segment, too; it belongs to no namespace.
    this.#parts.set(id, { compact: this.#usage.compact([...segments, { id, namespace: this.#number('') }]), sums });
  }

  take(ids: readonly string[]): CompactPart[] {
    return ids.flatMap((id) => this.#parts.get(id)?.compact ?? []);
  }

  perNamespace(backups: readonly BackupEntry[]): readonly NamespaceStatistics[] {
    const sums = new Map<number, { objects: number; bytes: number }>();
    for (const part of backups.flatMap(({ manifest }) => manifest.parts)) {
      for (const [namespace, { objects, bytes }] of this.#parts.get(part)?.sums ?? []) {
        const sum = sums.get(namespace) ?? { objects: 0, bytes: 0 };
        sums.set(namespace, { objects: sum.objects + objects, bytes: sum.bytes + bytes });
      }
    }
    return this.#namespaces
      .map((namespace, number) => ({
        namespace,
        objects: sums.get(number)?.objects ?? 0,
        logicalBytes: sums.get(number)?.bytes ?? 0,
        storedBytes: this.#usage.byNamespace.get(number) ?? 0,
      }))
      .sort((a, b) => b.storedBytes - a.storedBytes);
  }

  #number(namespace: string): number {
    let number = this.#numbers.get(namespace);
    if (number === undefined) {
      number = this.#namespaces.push(namespace) - 1;
      this.#numbers.set(namespace, number);
    }
    return number;
  }
}

function statisticsOf({ sequence, manifest }: BackupEntry, usage: Usage = { added: 0, unique: 0, freed: 0 }): BackupStatistics {
  return {
    name: manifest.name,
    sequence,
    cluster: manifest.cluster.name,
    completedAt: manifest.completedAt,
    objects: manifest.objectCount,
    logicalBytes: manifest.kinds.reduce((sum, { bytes }) => sum + bytes, 0),
    addedBytes: usage.added,
    uniqueBytes: usage.unique,
    freedIfDeleted: usage.freed,
  };
}

/** What later backups add to the first one, which stores everything. */
function growthOf(backups: readonly BackupStatistics[]): RepositoryStatistics['growth'] {
  const [first, ...later] = backups;
  const last = later.at(-1);
  if (!first || !last) return { days: 0, perDay: 0, perBackup: 0 };
  const days = (Date.parse(last.completedAt) - Date.parse(first.completedAt)) / DAY_MS;
  const added = later.reduce((sum, { addedBytes }) => sum + addedBytes, 0);
  return { days, perDay: days > 0 ? Math.round(added / days) : 0, perBackup: Math.round(added / later.length) };
}

function ratio(large: number, small: number): number {
  return small === 0 ? 1 : Math.round((large / small) * 100) / 100;
}
