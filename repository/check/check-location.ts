import type { CallOptions, ObjectStore } from '../../storage/object-store.ts';
import { liveBackups, type BackupEntry } from '../chain-entries.ts';
import type { Credentials } from '../age-files.ts';
import type { KeyMaterial } from '../key-material.ts';
import { CONFIG_KEY, packKey } from '../layout.ts';
import { Repository, type RepositoryParts } from '../repository.ts';
import { allWhole, examineBackups } from './backup-health.ts';
import { CatalogueReader } from './catalogue.ts';
import { readEntries, reportChain } from './check-chain.ts';
import { checkCondemned } from './check-condemned.ts';
import { readIndexes, reportIndexes } from './check-indexes.ts';
import { checkRecords } from './check-records.ts';
import { Findings, FROM_COPY } from './findings.ts';
import { orphanPacks, reportForeign, reportGarbage, searchOrphans } from './garbage.ts';
import { takeInventory, type Inventory } from './inventory.ts';
import { openForCheck } from './open-for-check.ts';
import { proveOrphan, provePacks } from './prove-packs.ts';
import type { BackupHealth, CheckReport, OnProgress, ReadDataResult } from './report.ts';
import { samplePacks } from './sample.ts';
import { StoredPacks } from './stored-packs.ts';
import { compareWithWitness, witnessOf, type Witness } from './witness.ts';

export interface CheckOptions extends CallOptions {
  /** Share of the packs, by bytes, whose content is read and authenticated; 0 compares names and sizes only, 100 reads everything. */
  readonly readDataPercent: number;
  /** Eight hexadecimal digits: where a sample begins. */
  readonly seed: string;
  /** What an earlier check saw. */
  readonly witness?: Witness;
  /** The time, milliseconds since 1970. */
  readonly now: () => number;
  readonly onProgress?: OnProgress;
}

export interface CheckResult {
  readonly report: CheckReport;
  /** To be remembered and given to the next check; undefined when the repository could not be opened. */
  readonly witness: Witness | undefined;
}

const NOTHING_READ: Omit<ReadDataResult, 'percent'> = { seed: '', packs: 0, bytes: 0, segments: 0 };

/**
 * Proves that what a location holds is what was written, and says of every backup what of it can be restored. It never ends at the first
 * damage, writes nothing, and holds at most a few packs in memory. `NotFound`: there is no repository; `WrongKey`; `NewerFormat`.
 */
export async function checkLocation(store: ObjectStore, credentials: Credentials, options: CheckOptions): Promise<CheckResult> {
  const startedAt = options.now();
  const findings = new Findings();
  options.onProgress?.({ step: 'listing', done: 0, total: 0, bytes: 0 });
  const inventory = await takeInventory(store, options);
  const keys = await openForCheck(store, { ...options, credentials, inventory, findings });
  const work: Work = { store, inventory, findings };
  const checked = keys ? await checkContent({ ...work, keys }, options) : undefined;
  return {
    report: {
      repository: keys?.repositoryId ?? '',
      url: store.url,
      state: findings.state,
      startedAt: new Date(startedAt).toISOString(),
      completedAt: new Date(options.now()).toISOString(),
      files: inventory.totals,
      readData: { percent: options.readDataPercent, ...(checked?.readData ?? NOTHING_READ) },
      findings: findings.all,
      backups: checked?.backups ?? [],
    },
    witness: checked?.witness,
  };
}

interface Work {
  readonly store: ObjectStore;
  readonly inventory: Inventory;
  readonly findings: Findings;
}

interface Content {
  readonly readData: Omit<ReadDataResult, 'percent'>;
  readonly backups: readonly BackupHealth[];
  readonly witness: Witness;
}

async function checkContent(
  { store, inventory, findings, keys }: Work & { readonly keys: KeyMaterial },
  options: CheckOptions,
): Promise<Content> {
  const { parts } = new Repository(store, keys);
  const { url } = store;
  const remembered = options.witness?.repository === keys.repositoryId ? options.witness : undefined;
  if (options.witness && !remembered) {
    findings.add('data', CONFIG_KEY, {
      code: 'RepositoryReplaced',
      message: `${url}: repository ${options.witness.repository} was here at ${options.witness.seenAt}, now it is ${keys.repositoryId}`,
      advice: 'if that was done on purpose, accept it with `holdfast repository check --accept-history`',
    });
  }
  const entries = await readEntries(parts, inventory.sequences, options);
  const chainDenies = reportChain(findings, entries, { url, witness: remembered });
  const filesDeny = remembered !== undefined && compareWithWitness(findings, inventory, { url, witness: remembered });
  const backups = liveBackups(entries);

  const { readData, health, next } = await checkData({ parts, inventory, findings, backups }, options);
  await checkRecords(parts, { findings, records: inventory.records }, options);
  const lists = await checkCondemned(parts, { findings, condemned: inventory.condemned, witness: remembered }, options);
  reportForeign(findings, url, inventory);
  const seenAt = new Date(options.now()).toISOString();
  const replaced = remembered ? undefined : options.witness;
  // What was seen before and is gone must not be forgotten because it was missed once.
  const denied = [chainDenies, filesDeny, lists.setBack].includes(true);
  const kept = remembered && denied ? { ...remembered, nextSeed: next } : undefined;
  return {
    readData,
    backups: health,
    witness: replaced ?? kept ?? witnessOf(keys.repositoryId, inventory, { entries, list: lists.newest, seenAt, nextSeed: next }),
  };
}

interface DataWork {
  readonly parts: RepositoryParts;
  readonly inventory: Inventory;
  readonly findings: Findings;
  readonly backups: readonly BackupEntry[];
}

/** Indexes, catalogues and packs. */
async function checkData(work: DataWork, options: CheckOptions) {
  const { parts, inventory, findings, backups } = work;
  const stored = new StoredPacks(inventory.packs);
  const indexKeys = inventory.indexes.map(({ key }) => key);
  options.onProgress?.({ step: 'reading indexes', done: 0, total: indexKeys.length, bytes: 0 });
  const indexes = await readIndexes({ store: parts.store, sealer: parts.sealer, packs: stored }, indexKeys, options);

  const reader = new CatalogueReader(parts, stored);
  const { unknown, incomplete } = await markNeeded({ reader, stored }, work, options);
  const { readData, next } = await readPacks({ ...work, stored }, options);
  const sound = unknown.size === 0 && !incomplete && stored.all.every(({ damage }) => damage === '');
  const health = sound ? allWhole(backups) : await examineBackups({ stored, reader }, backups, options);

  reportIndexes(findings, indexes, unknown.size > 0);
  reportPacks(work, stored);
  if (unknown.size > 0) await reportUnknown({ ...work, stored, damagedIndexes: indexes.damaged.size }, unknown, options);
  // What a catalogue that cannot be read would need is not garbage.
  if (!incomplete) reportGarbage(findings, { url: parts.store.url, inventory, stored, indexes, now: options.now() });
  return { readData, health, next };
}

/** Marks the packs that backups need. `unknown`: segments that are in no index; `incomplete`: a catalogue cannot be read. */
async function markNeeded(
  { reader, stored }: { readonly reader: CatalogueReader; readonly stored: StoredPacks },
  { backups }: DataWork,
  options: CheckOptions,
): Promise<{ readonly unknown: ReadonlySet<string>; readonly incomplete: boolean }> {
  const unknown = new Set<string>();
  let incomplete = false;
  let done = 0;
  const need = (id: string): void => {
    if (stored.need(Buffer.from(id, 'hex')).length === 0) unknown.add(id);
  };
  for await (const { id, content } of reader.parts(backups, options)) {
    need(id);
    if ('reason' in content) incomplete = true;
    else
      content.resources
        .flatMap(({ segments }) => segments)
        .forEach((segment) => {
          need(segment.id);
        });
    options.onProgress?.({ step: 'reading catalogues', done: ++done, total: 0, bytes: 0 });
  }
  return { unknown, incomplete };
}

/** Reads the packs that were asked for, and always those whose size is not right: what is left of them matters. */
async function readPacks({ parts, inventory, findings, stored }: DataWork & { readonly stored: StoredPacks }, options: CheckOptions) {
  const { readDataPercent: percent, seed } = options;
  const present = stored.all.filter(({ storedBytes }) => storedBytes !== undefined);
  const sample = percent > 0 ? samplePacks(present, percent, seed) : { packs: [], next: '' };
  const suspicious = present.filter((pack) => pack.storedBytes !== pack.sizeBytes && !sample.packs.includes(pack));
  const proofs = { parts, stored, ...(options.onProgress ? { onProgress: options.onProgress } : {}) };
  const read = await provePacks(proofs, [...sample.packs, ...suspicious], options);
  for (const packId of percent >= 100 ? orphanPacks({ inventory, stored }) : []) {
    const damage = await proveOrphan(parts, packId, options);
    if (damage === '') continue;
    findings.add('spare', packKey(packId), {
      code: 'PackDamaged',
      message: `${parts.store.url}: ${packKey(packId)} ${damage}`,
      advice: 'no index names it: `holdfast repository gc` removes it',
    });
  }
  return { readData: { ...read, seed: percent > 0 && percent < 100 ? seed : '' }, next: sample.next };
}

function reportPacks({ parts, findings }: DataWork, stored: StoredPacks): void {
  for (const { packId, damage, storedBytes, blamed, needed } of stored.all) {
    if (damage === '') continue;
    const spare = needed ? 'what backups need of it can still be read' : 'no backup needs it';
    findings.add(blamed ? 'data' : 'spare', packKey(packId), {
      code: storedBytes === undefined ? 'PackMissing' : 'PackDamaged',
      message: `${parts.store.url}: ${packKey(packId)} ${damage}`,
      advice: blamed ? `${FROM_COPY}, or make a new backup while the objects are in the cluster` : spare,
    });
  }
}

async function reportUnknown(
  work: DataWork & { readonly stored: StoredPacks; readonly damagedIndexes: number },
  unknown: ReadonlySet<string>,
  options: CheckOptions,
): Promise<void> {
  const found = await searchOrphans(work, unknown, options);
  const [first] = found.packs;
  const where =
    first === undefined
      ? ''
      : `; ${found.segments} of them are in ${found.packs.length} packs that no index names, the first is ${packKey(first)}`;
  const cause = work.damagedIndexes > 0 ? 'an index is damaged' : 'an index is gone';
  work.findings.add('data', '', {
    code: 'SegmentsUnknown',
    message: `${work.parts.store.url}: ${unknown.size} segments that backups need are in no index: ${cause}${where}`,
    advice: first === undefined ? FROM_COPY : `bring index/ back from a copy of the location, or make a new backup: it adopts those packs`,
  });
}
