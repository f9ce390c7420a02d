import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest, CapturePart } from '../../contracts/manifest.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { apiVersionOf, resourceKey } from '../../domain/resource/identity.ts';
import type { Repository } from '../../repository/repository.ts';
import { lossIssue } from './lost-objects.ts';

/** What a backup says is in it. */
export interface Catalogue {
  readonly parts: readonly CapturePart[];
  /** Ids of the parts that cannot be read. */
  readonly lostParts: readonly string[];
  /** The objects, kind by kind, that only those listed. */
  readonly errors: readonly Issue[];
}

/**
 * Reads the parts of a backup. Without `lostParts`, damaged ones are left out and reported; with it, exactly those are left out, and any other
 * that cannot be read is `Damaged`.
 */
export async function readCatalogue(
  repository: Repository,
  manifest: BackupManifest,
  lostParts: readonly string[] | undefined,
): Promise<Catalogue> {
  const damage = new Map<string, HoldfastError>();
  const readPart = async (id: string): Promise<CapturePart | undefined> => {
    try {
      return (await repository.readDocument(id)) as CapturePart;
    } catch (error) {
      if (lostParts || !(error instanceof HoldfastError && error.type === FailureType.Damaged)) throw error;
      damage.set(id, error);
      return undefined;
    }
  };
  const wanted = manifest.parts.filter((id) => !lostParts?.includes(id));
  const parts = (await Promise.all(wanted.map(readPart))).filter((part) => part !== undefined);
  const [first] = damage.values();
  return { parts, lostParts: lostParts ?? [...damage.keys()], errors: first ? uncatalogued(manifest, parts, first) : [] };
}

function uncatalogued(manifest: BackupManifest, parts: readonly CapturePart[], damage: HoldfastError): readonly Issue[] {
  const listed = new Map<string, number>();
  for (const { type, count } of parts.flatMap(({ resources }) => resources)) {
    listed.set(resourceKey(type), (listed.get(resourceKey(type)) ?? 0) + count);
  }
  return manifest.kinds.flatMap(({ type, count }) => {
    const lost = count - (listed.get(resourceKey(type)) ?? 0);
    const object = { apiVersion: apiVersionOf(type), kind: type.kind, namespace: '', name: '' };
    return lost > 0 ? [lossIssue(`${lost} ${type.resource} that a damaged catalogue lists`, object, damage)] : [];
  });
}
