import type { CapturedResource } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { apiVersionOf, resourceKey } from '../../domain/resource/identity.ts';
import type { CallOptions } from '../../storage/object-store.ts';
import type { BackupEntry } from '../chain-entries.ts';
import { parseJson } from '../documents.ts';
import type { CataloguePart, CatalogueReader } from './catalogue.ts';
import type { AffectedObjects, BackupHealth } from './report.ts';
import type { StoredPacks } from './stored-packs.ts';

/** Runs of lost objects whose neighbours are looked up to tell their names. */
const NAMED_RUNS = 200;

/** What of one catalogue cannot be read. */
interface PartHealth {
  readonly affected: readonly AffectedObjects[];
  /** Objects that it lists, by `plural.group`; undefined when the catalogue itself is gone. */
  readonly kinds: ReadonlyMap<string, number> | undefined;
  readonly reason: string;
}

interface HealthWork {
  readonly stored: StoredPacks;
  readonly reader: CatalogueReader;
}

/** Says of every backup what of it can be restored, given what is known of the packs. */
export async function examineBackups(work: HealthWork, backups: readonly BackupEntry[], options: CallOptions): Promise<BackupHealth[]> {
  const parts = new Map<string, PartHealth>();
  let named = 0;
  for await (const part of work.reader.parts(backups, options)) {
    const health = await examinePart(work, part, { ...options, name: named < NAMED_RUNS });
    named += health.affected.length;
    parts.set(part.id, health);
  }
  return backups.map((backup) => healthOf(backup, parts));
}

/** All of them, when nothing is known to be wrong with any pack. */
export function allWhole(backups: readonly BackupEntry[]): BackupHealth[] {
  return backups.map((backup) => healthOf(backup, new Map()));
}

async function examinePart(
  work: HealthWork,
  { id, content }: CataloguePart,
  options: CallOptions & { readonly name: boolean },
): Promise<PartHealth> {
  if ('reason' in content) {
    work.stored.blame(Buffer.from(id, 'hex'));
    return { affected: [], kinds: undefined, reason: content.reason };
  }
  const affected: AffectedObjects[] = [];
  const kinds = new Map<string, number>();
  for (const resource of content.resources) {
    const key = resourceKey(resource.type);
    kinds.set(key, (kinds.get(key) ?? 0) + resource.count);
    for (const run of lostRuns(work.stored, resource)) affected.push(await describe(work.reader, { resource, run }, options));
  }
  return { affected, kinds, reason: '' };
}

/** Neighbouring segments that cannot be read, for one and the same reason. */
interface LostRun {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly reason: string;
}

function lostRuns(stored: StoredPacks, { segments }: CapturedResource): LostRun[] {
  const runs: LostRun[] = [];
  for (const [index, { id, count }] of segments.entries()) {
    const bytes = Buffer.from(id, 'hex');
    const reason = stored.reasonFor(bytes);
    if (reason === '') continue;
    stored.blame(bytes);
    const before = runs.at(-1);
    if (before?.last === index - 1 && before.reason === reason) {
      runs[runs.length - 1] = { ...before, last: index, count: before.count + count };
    } else {
      runs.push({ first: index, last: index, count, reason });
    }
  }
  return runs;
}

async function describe(
  reader: CatalogueReader,
  { resource, run }: { readonly resource: CapturedResource; readonly run: LostRun },
  options: CallOptions & { readonly name: boolean },
): Promise<AffectedObjects> {
  const { type, namespace, segments } = resource;
  const nameAt = async (index: number, record: 0 | -1): Promise<string> => {
    const segment = segments[index];
    const records = segment ? await reader.records(segment.id, options) : undefined;
    return nameOf(records?.at(record));
  };
  const named = options.name ? { between: [await nameAt(run.first - 1, -1), await nameAt(run.last + 1, 0)] as const } : {};
  return { ...kindOf(type), namespace, count: run.count, ...named, reason: run.reason };
}

function nameOf(record: Buffer | undefined): string {
  if (!record) return '';
  const { metadata } = parseJson(record, 'a stored object') as { readonly metadata?: { readonly name?: string } };
  return metadata?.name ?? '';
}

function healthOf({ sequence, manifest }: BackupEntry, parts: ReadonlyMap<string, PartHealth>): BackupHealth {
  const own = manifest.parts.flatMap((id) => parts.get(id) ?? []);
  const unreadable = own.find(({ kinds }) => kinds === undefined);
  const affected = [
    ...own.flatMap((part) => part.affected),
    ...(unreadable ? uncatalogued(manifest.kinds, listedBy(own), unreadable.reason) : []),
  ];
  const affectedObjects = affected.reduce((sum, { count }) => sum + count, 0);
  const anythingLeft = affectedObjects < manifest.objectCount;
  return {
    name: manifest.name,
    sequence,
    state: affected.length === 0 ? 'whole' : anythingLeft ? 'partly' : 'lost',
    objects: manifest.objectCount,
    affectedObjects,
    affected,
  };
}

function listedBy(parts: readonly PartHealth[]): ReadonlyMap<string, number> {
  const listed = new Map<string, number>();
  for (const { kinds } of parts) for (const [kind, count] of kinds ?? []) listed.set(kind, (listed.get(kind) ?? 0) + count);
  return listed;
}

/** Objects that a manifest counts and that no readable catalogue lists; `listed` counts those by `plural.group`. */
export function uncatalogued(
  kinds: BackupEntry['manifest']['kinds'],
  listed: ReadonlyMap<string, number>,
  reason: string,
): readonly AffectedObjects[] {
  const lost = kinds.flatMap(({ type, count }): AffectedObjects[] => {
    const missing = count - (listed.get(resourceKey(type)) ?? 0);
    return missing > 0 ? [{ ...kindOf(type), namespace: '*', count: missing, reason }] : [];
  });
  return lost.length > 0 ? lost : [{ apiVersion: '', kind: '*', namespace: '*', count: 0, reason }];
}

function kindOf(type: ResourceType): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: apiVersionOf(type), kind: type.kind };
}
