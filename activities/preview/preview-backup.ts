import type { CapturePlan } from '../../contracts/activities.ts';
import type { BackupProjectInput } from '../../contracts/backup.ts';
import type { HoldfastError } from '../../contracts/failures.ts';
import type { CapturedKind, CapturedReferences } from '../../contracts/manifest.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { mergeKinds } from '../../domain/backup/captured-kinds.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { mergeReferences, referencesOf } from '../../domain/resource/references.ts';
import { acceptObject, compileSelection } from '../../domain/selection/matcher.ts';
import { Verdict } from '../../domain/selection/verdict.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { relatedObjects } from '../capture/capture-related.ts';
import { readPages } from '../capture/list-pages.ts';
import { planBackup } from '../capture/plan-backup.ts';

/** What a backup would take now. */
export interface BackupPreview {
  readonly plan: CapturePlan;
  readonly kinds: readonly CapturedKind[];
  /** Kinds that could not be listed. */
  readonly failed: readonly { readonly type: ResourceType; readonly error: HoldfastError }[];
}

/** One object that a backup would take. */
export interface SelectedObject {
  readonly type: ResourceType;
  readonly object: JsonObject;
  readonly bytes: number;
}

/** Plans and counts: lists everything that the backup would, and writes nothing. */
export async function previewBackup(cluster: Cluster, input: BackupProjectInput, signal: AbortSignal): Promise<BackupPreview> {
  const plan = await planBackup(cluster, input, signal);
  const counts = new Map<string, { readonly type: ResourceType; count: number; bytes: number }>();
  const failed: { readonly type: ResourceType; readonly error: HoldfastError }[] = [];
  for await (const found of selectedObjects(cluster, plan, signal)) {
    if ('error' in found) {
      failed.push(found);
      continue;
    }
    const key = resourceKey(found.type);
    const sum = counts.get(key) ?? { type: found.type, count: 0, bytes: 0 };
    sum.count += 1;
    sum.bytes += found.bytes;
    counts.set(key, sum);
  }
  const kinds = mergeKinds(
    [...counts.values()].map((sum) => ({ ...sum, revision: plan.revision })),
    [],
  );
  return { plan, kinds, failed };
}

/** Every object that a planned backup takes, at the plan's revision, those that come along by reference last. */
export async function* selectedObjects(
  cluster: Cluster,
  plan: CapturePlan,
  signal: AbortSignal,
): AsyncGenerator<SelectedObject | { readonly type: ResourceType; readonly error: HoldfastError }> {
  let references = mergeReferences([]);
  const listed = new Set<string>();
  for (const cursor of plan.tasks) {
    const matcher = compileSelection(plan.selection, { types: cursor.types });
    const request = {
      cursor,
      revision: plan.revision,
      labelSelector: plan.selection.labelSelector,
      signal,
      giveUp: () => Promise.resolve(true),
    };
    for await (const page of readPages(cluster, request)) {
      if ('error' in page) {
        yield page;
        continue;
      }
      const { type } = page;
      const taken = page.items.filter(({ object }) => acceptObject(matcher, object, type) === Verdict.Taken);
      references = mergeReferences([references, ...taken.map(({ object }) => referencesOf(object, type))]);
      yield* taken.map(({ object, bytes }) => ({ type, object, bytes: bytes.length }));
      if (!type.namespaced) taken.forEach(({ object }) => listed.add(objectKey(type, object)));
    }
  }
  if (plan.followReferences) yield* related(cluster, { plan, references, listed }, signal);
}

interface Related {
  readonly plan: CapturePlan;
  readonly references: CapturedReferences;
  /** Cluster-scoped objects that a task has taken. */
  readonly listed: ReadonlySet<string>;
}

async function* related(cluster: Cluster, { plan, references, listed }: Related, signal: AbortSignal): AsyncGenerator<SelectedObject> {
  const lookup = { cluster, input: { revision: plan.revision }, pulse: { beat: () => undefined, signal } };
  for (const { type, items } of await relatedObjects(lookup, references)) {
    const others = items.filter(({ object }) => !listed.has(objectKey(type, object)));
    for (const { object, bytes } of others) yield { type, object, bytes: bytes.length };
  }
}

function objectKey(type: ResourceType, object: JsonObject): string {
  return `${resourceKey(type)}/${textAt(object, 'metadata', 'name')}`;
}
