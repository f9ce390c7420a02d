import type { CaptureRelatedInput, CaptureResult } from '../../contracts/activities.ts';
import type { CapturedReferences, CapturePart } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { mergeReferences, referencesOf } from '../../domain/resource/references.ts';
import { relatedBindings } from '../../domain/resource/related-bindings.ts';
import { intendedExclusion } from '../../domain/selection/matcher.ts';
import type { Cluster, RawObject } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';
import * as builtin from './builtin-types.ts';
import { Collector, type Provenance } from './collector.ts';
import { readPages } from './list-pages.ts';

export interface CaptureRelatedWork extends RelatedLookup {
  readonly repository: Repository;
  readonly input: CaptureRelatedInput;
}

/** What is needed to find related objects. */
export interface RelatedLookup {
  readonly cluster: Cluster;
  readonly input: { readonly revision: string };
  readonly pulse: Pick<Pulse, 'beat' | 'signal'>;
}

/** All objects found of one kind. */
export interface Listed extends Provenance {
  readonly items: readonly RawObject[];
}

/** Captures the cluster-scoped objects that the captured ones point at, at the same revision. */
export async function captureRelated(work: CaptureRelatedWork): Promise<CaptureResult> {
  const { repository, input, pulse } = work;
  const parts = await Promise.all(input.parts.map(async (id) => (await repository.readDocument(id)) as CapturePart));
  const needed = mergeReferences(parts.map((part) => part.references));
  const captured = await capturedNames(repository, parts);
  const collector = new Collector(repository.startBatch());
  for (const listed of await relatedObjects(work, needed)) {
    const names = captured.get(resourceKey(listed.type));
    await collector.add(
      listed,
      listed.items.filter(({ object }) => !names?.has(textAt(object, 'metadata', 'name'))),
    );
  }
  return collector.finish({ warnings: [], errors: [] }, pulse.signal);
}

/** The cluster-scoped objects that tasks have captured already: kind to names. */
async function capturedNames(repository: Repository, parts: readonly CapturePart[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const names = new Map<string, Set<string>>();
  for (const { type, namespace, segments } of parts.flatMap((part) => part.resources)) {
    if (namespace !== '') continue;
    const known = names.get(resourceKey(type)) ?? new Set<string>();
    names.set(resourceKey(type), known);
    for await (const { records } of repository.readSegments(segments.map(({ id }) => id))) {
      for (const record of records) known.add(textAt(parseLossless(record.toString('utf8')), 'metadata', 'name'));
    }
  }
  return names;
}

/** The cluster-scoped objects behind some references, kind by kind. */
export async function relatedObjects(work: RelatedLookup, needed: CapturedReferences): Promise<readonly Listed[]> {
  const volumes = await named(work, builtin.PERSISTENT_VOLUMES, needed.persistentVolumes);
  const classes = mergeReferences([
    needed,
    ...volumes.items.map(({ object }) => referencesOf(object, builtin.PERSISTENT_VOLUMES)),
  ]).storageClasses;
  const access = needed.serviceAccounts.length + needed.clusterRoles.length > 0 ? await rights(work, needed) : [];
  return [
    await named(work, builtin.CUSTOM_RESOURCE_DEFINITIONS, needed.customResourceDefinitions),
    await named(work, builtin.NAMESPACES, needed.namespaces),
    await named(work, builtin.STORAGE_CLASSES, classes),
    await named(work, builtin.PRIORITY_CLASSES, needed.priorityClasses),
    volumes,
    ...access,
  ];
}

async function rights(work: RelatedLookup, needed: CapturedReferences): Promise<readonly Listed[]> {
  const bindings = await all(work, builtin.CLUSTER_ROLE_BINDINGS);
  const roles = await all(work, builtin.CLUSTER_ROLES);
  const objects = (listed: Listed): RawObject['object'][] => listed.items.map(({ object }) => object);
  const related = relatedBindings(needed, objects(bindings), objects(roles));
  return [withNames(roles, related.clusterRoles), withNames(bindings, related.clusterRoleBindings)];
}

async function named(work: RelatedLookup, type: ResourceType, names: readonly string[]): Promise<Listed> {
  if (names.length === 0) return { type, items: [], revision: work.input.revision, fallbackReason: '' };
  return withNames(await all(work, type), names);
}

async function all({ cluster, input, pulse }: RelatedLookup, type: ResourceType): Promise<Listed> {
  const cursor = { types: [type], listNamespaces: [''], namespaceIndex: 0, continueToken: '', fallbackReason: '' };
  const items: RawObject[] = [];
  let revision = input.revision;
  let fallbackReason = '';
  const pages = readPages(cluster, {
    cursor,
    revision: input.revision,
    labelSelector: '',
    signal: pulse.signal,
    giveUp: () => Promise.resolve(false),
  });
  for await (const page of pages) {
    pulse.beat();
    if ('error' in page) throw page.error;
    items.push(...page.items.filter(({ object }) => intendedExclusion(object) === undefined));
    ({ revision, fallbackReason } = page);
  }
  return { type, items, revision, fallbackReason };
}

function withNames(listed: Listed, names: readonly string[]): Listed {
  const wanted = new Set(names);
  return { ...listed, items: listed.items.filter(({ object }) => wanted.has(textAt(object, 'metadata', 'name'))) };
}
