import { createHash } from 'node:crypto';
import type { CapturePart } from '../../contracts/manifest.ts';
import { liveBackups, type BackupEntry } from '../../repository/chain-entries.ts';
import { readConfig } from '../../repository/config.ts';
import { openKeyFiles } from '../../repository/key-files.ts';
import type { KeyMaterial } from '../../repository/key-material.ts';
import { packKey, sequenceOf } from '../../repository/layout.ts';
import { afterHeader } from '../../repository/file-header.ts';
import { decodeIndex } from '../../repository/pack-table.ts';
import { Repository } from '../../repository/repository.ts';
import { BoxSealer } from '../../repository/sealed-box.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { objectKey, parseExactly } from './canonical.ts';
import { collect } from './collect.ts';
import type { PlainObject } from './raw-api.ts';

/** One stored object as it was captured. */
export interface StoredRecord {
  readonly bytes: Buffer;
  readonly object: PlainObject;
}

/** What a location holds, read with the repository's own reader, every byte of it. */
export interface LocationAudit {
  readonly backups: readonly BackupEntry[];
  readonly problems: readonly string[];
  /** Objects that no listed backup needs and that are whole: what garbage collection would take, by kind of object. */
  readonly orphans: Readonly<Record<'packs' | 'indexes', number>>;
  readonly keys: readonly string[];
  /** All records of a backup. */
  records(backup: string): Promise<readonly StoredRecord[]>;
}

/** Reads everything. `problems` names whatever is listed and cannot be read in full, and whatever nobody can explain. */
export async function auditLocation(store: ObjectStore, identity: string): Promise<LocationAudit> {
  const config = await readConfig(store, {});
  const keys = await openKeyFiles(store, config.id, { identities: [identity] });
  const repository = new Repository(store, keys);
  await repository.refresh();
  const problems = (await repository.problems()).map(({ message }) => `the repository says: ${message}`);
  const chain = await repository.readChain();
  const backups = liveBackups(chain.entries);
  const needed = new Set<string>();
  for (const backup of backups) problems.push(...(await readBackup(repository, backup, needed)));

  const stored = await collect(store.list(''));
  const indexes = await readIndexes(
    store,
    keys,
    stored.map(({ key }) => key).filter((key) => key.startsWith('index/')),
  );
  const orphans = { packs: 0, indexes: 0 };
  const packsNamed = new Set([...indexes.values()].flatMap((packs) => [...packs.keys()]));
  const packsNeeded = new Set(
    [...indexes.values()].flatMap((packs) => [...packs].filter(([, ids]) => ids.some((id) => needed.has(id))).map(([pack]) => pack)),
  );
  for (const packs of indexes.values()) if (![...packs.keys()].some((pack) => packsNeeded.has(pack))) orphans.indexes += 1;
  const sequences = new Set(chain.entries.map(({ sequence }) => sequence));
  for (const { key } of stored) {
    if (
      key === 'repository.json' ||
      /^keys\/[0-9a-f]{32}\.age$/.test(key) ||
      /^records\/[0-9a-f]{64}$/.test(key) ||
      /^condemned\/\d{8}$/.test(key) ||
      indexes.has(key)
    )
      continue;
    const sequence = sequenceOf(key);
    if (sequence !== undefined && sequences.has(sequence)) continue;
    const [, pack] = /^packs\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(key) ?? [];
    if (pack === undefined || key !== packKey(pack)) problems.push(`nobody knows what ${key} is`);
    else if (!packsNeeded.has(pack)) {
      orphans.packs += 1;
      // An orphan is explained when it is whole: an upload that the next attempt will adopt, or the data of a backup that is gone.
      if (!packsNamed.has(pack) && sha256(await store.read(key)) !== pack) problems.push(`${key} is half-written`);
    }
  }
  const records = async (name: string): Promise<readonly StoredRecord[]> => {
    const { manifest } = await repository.findBackup(name);
    return recordsOf(repository, manifest.parts);
  };
  return { backups, problems, orphans, keys: stored.map(({ key }) => key), records };
}

/** Index key to the packs it names, each with the ids of its segments. */
async function readIndexes(store: ObjectStore, keys: KeyMaterial, names: readonly string[]): Promise<Map<string, Map<string, string[]>>> {
  const sealer = new BoxSealer(keys);
  const indexes = new Map<string, Map<string, string[]>>();
  for (const key of names) {
    const plain = sealer.open({ kind: 'index', name: '' }, afterHeader('I', await store.read(key), key), key);
    indexes.set(
      key,
      new Map([...decodeIndex(plain, key)].map(({ packId, frames }) => [packId, frames.map(({ id }) => id.toString('hex'))])),
    );
  }
  return indexes;
}

/** Every segment of a backup, read to its last byte, and the packs that hold them. Adds the segments to `needed`. */
async function readBackup(repository: Repository, { manifest }: BackupEntry, needed: Set<string>): Promise<string[]> {
  const problems: string[] = [];
  const ids = new Set(manifest.parts);
  try {
    let objects = 0;
    for (const id of manifest.parts) {
      const part = (await repository.readDocument(id)) as CapturePart;
      for (const { segments, count, type, namespace } of part.resources) {
        let found = 0;
        for (const segment of segments) {
          ids.add(segment.id);
          found += (await repository.readSegment(segment.id)).length;
        }
        if (found !== count) problems.push(`backup ${manifest.name}: ${namespace}/${type.resource} says ${count} objects and has ${found}`);
        objects += found;
      }
    }
    if (objects !== manifest.objectCount) problems.push(`backup ${manifest.name} says ${manifest.objectCount} objects and has ${objects}`);
    await repository.verifyPacks([...ids]);
  } catch (error) {
    problems.push(`backup ${manifest.name} is listed and cannot be read: ${String(error)}`);
  }
  for (const id of ids) needed.add(id);
  return problems;
}

/** The objects with apiVersion and kind, which list items lack. */
async function recordsOf(repository: Repository, parts: readonly string[]): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const id of parts) {
    const part = (await repository.readDocument(id)) as CapturePart;
    for (const { type, segments } of part.resources) {
      const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
      for (const { id: segment } of segments) {
        for (const bytes of await repository.readSegment(segment)) {
          records.push({ bytes, object: { ...parseExactly(bytes.toString('utf8')), apiVersion, kind: type.kind } });
        }
      }
    }
  }
  return records;
}

/** Keys of objects that are there more than once. */
export function doubles(records: readonly StoredRecord[]): string[] {
  const seen = new Set<string>();
  return records.flatMap(({ object }) => {
    const key = objectKey(object);
    if (seen.has(key)) return [key];
    seen.add(key);
    return [];
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
