import { collectGarbage } from '../../../repository/gc/collect-garbage.ts';
import type { GcOptions, GcReport } from '../../../repository/gc/report.ts';
import type { Repository } from '../../../repository/repository.ts';
import { collect } from '../../support/collect.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { sampleManifest, sampleRecords, textOf } from '../samples.ts';
import { HOUR } from './timed-store.ts';

export const GRACE: GcOptions = { graceMs: 72 * HOUR, nobodyWrites: false, dryRun: false };

/** Stores segments, one for each seed, and their catalogue. Nothing is committed. */
export async function store(repository: Repository, seeds: readonly number[], count = 5): Promise<string> {
  const batch = repository.startBatch();
  const segments = seeds.map((seed) => ({ id: batch.add(sampleRecords(count, seed)), count }));
  const part = batch.addDocument({ resources: [{ segments }], seeds });
  await batch.finish();
  return part;
}

export async function backUpSeeds(repository: Repository, name: string, seeds: readonly number[], count = 5): Promise<void> {
  await repository.commit(sampleManifest(name, [await store(repository, seeds, count)]));
}

/** Restores a backup and says which seeds it has; throws when anything is not as it was. */
export async function restoreSeeds(repository: Repository, name: string, count = 5): Promise<readonly number[]> {
  const { manifest } = await repository.findBackup(name);
  const found: number[] = [];
  for (const part of manifest.parts) {
    const { resources, seeds } = (await repository.readDocument(part)) as {
      readonly resources: readonly { readonly segments: readonly { readonly id: string }[] }[];
      readonly seeds: readonly number[];
    };
    const ids = resources.flatMap(({ segments }) => segments.map(({ id }) => id));
    const records = (await collect(repository.readSegments(ids))).map((segment) => segment.records);
    if (JSON.stringify(textOf(records)) !== JSON.stringify(textOf(seeds.map((seed) => sampleRecords(count, seed))))) {
      throw new Error(`${name} is not what was backed up`);
    }
    found.push(...seeds);
  }
  return found;
}

export function gc(repository: Repository, options: Partial<GcOptions> = {}): Promise<GcReport> {
  return collectGarbage(repository, { ...GRACE, ...options });
}

/** Every object with its size, in the order of keys. */
export async function listing(place: ObjectStore): Promise<string[]> {
  return (await collect(place.list(''))).map(({ key, sizeBytes }) => `${key} ${sizeBytes}`);
}
