import type { CaptureCursor } from '../../contracts/activities.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Selection } from '../../contracts/selection.ts';
import { isBuiltinGroup } from '../resource/builtin.ts';
import { resourceKey } from '../resource/identity.ts';
import { namesNamespaces } from '../selection/backup-selection.ts';

interface CapturePlanInput {
  readonly selection: Selection;
  readonly types: { readonly namespaced: readonly ResourceType[]; readonly clusterScoped: readonly ResourceType[] };
  /** The namespaces that the selection stands for, and how many the cluster has. */
  readonly namespaces: readonly string[];
  readonly namespaceCount: number;
}

/** Independent tasks; more of them only wait for the same API server. */
const TASKS = 4;
/** Up to this many namespaces are listed one by one; beyond, one list of the whole cluster costs less than all the small ones. */
const LISTED_ONE_BY_ONE = 3;
/** Guesses of how many objects a kind has, relative to others, since counts are not known before listing. */
const WEIGHTS: ReadonlyMap<string, number> = new Map([
  ['secrets', 16],
  ['configmaps', 16],
  ['pods', 16],
  ['replicasets.apps', 8],
  ['endpointslices.discovery.k8s.io', 6],
  ['controllerrevisions.apps', 4],
  ['endpoints', 4],
  ['jobs.batch', 4],
  ['services', 4],
]);
const CUSTOM_WEIGHT = 3;

/**
 * The work of a backup as at most `TASKS` lists of kinds of about equal size, heaviest kinds first. Deterministic. Namespaced kinds are
 * listed namespace by namespace when few are selected, otherwise cluster-wide, and the selection drops what does not belong.
 */
export function captureTasks({ selection, types, namespaces, namespaceCount }: CapturePlanInput): readonly CaptureCursor[] {
  const few = namespaces.length <= LISTED_ONE_BY_ONE && namespaces.length < namespaceCount && namesNamespaces(selection);
  if (!few) return tasksOf([...types.namespaced, ...types.clusterScoped], [''], TASKS);
  const cluster = tasksOf(types.clusterScoped, [''], 1);
  return namespaces.length === 0 ? cluster : [...tasksOf(types.namespaced, namespaces, TASKS - cluster.length), ...cluster];
}

/** Longest processing time first: each kind goes to the task with the least weight so far. */
function tasksOf(types: readonly ResourceType[], listNamespaces: readonly string[], count: number): readonly CaptureCursor[] {
  const heaviestFirst = [...types].sort((a, b) => weightOf(b) - weightOf(a) || (resourceKey(a) < resourceKey(b) ? -1 : 1));
  const tasks = Array.from({ length: Math.min(count, types.length) }, () => ({ weight: 0, types: [] as ResourceType[] }));
  for (const type of heaviestFirst) {
    const lightest = tasks.reduce((a, b) => (b.weight < a.weight ? b : a));
    lightest.types.push(type);
    lightest.weight += weightOf(type);
  }
  return tasks.map((task) => ({ types: task.types, listNamespaces, namespaceIndex: 0, continueToken: '', fallbackReason: '' }));
}

function weightOf(type: ResourceType): number {
  return WEIGHTS.get(resourceKey(type)) ?? (isBuiltinGroup(type.group) ? 1 : CUSTOM_WEIGHT);
}
