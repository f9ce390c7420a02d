import type { DiscoveredType } from '../../contracts/resource.ts';
import { resourceKey } from '../resource/identity.ts';

const TRANSIENT = 'transient: it tells what happened, not what should be';
const LEASES = 'held by running processes: a restored lease would name a holder that is gone';

/** Kinds that no backup takes unless they are named. */
const EXCLUDED: ReadonlyMap<string, string> = new Map([
  ['events', TRANSIENT],
  ['events.events.k8s.io', TRANSIENT],
  ['leases.coordination.k8s.io', LEASES],
  ['leasecandidates.coordination.k8s.io', LEASES],
  ['componentstatuses', 'computed by the API server'],
]);

/** Kinds that describe the machines of one cluster: part of a backup of the whole cluster only. */
const OF_NODES: ReadonlySet<string> = new Set([
  'nodes',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'resourceslices.resource.k8s.io',
  'volumeattachments.storage.k8s.io',
]);

/** Groups whose kinds other groups serve again, under the same names. */
const OLD_GROUPS: ReadonlySet<string> = new Set(['extensions']);
const NEEDED_VERBS = ['list', 'get', 'create'] as const;

/** Why a backup leaves a kind out unless it is named; '' when it takes it. */
export function defaultExclusion(type: DiscoveredType, wholeCluster: boolean): string {
  const missing = NEEDED_VERBS.find((verb) => !type.verbs.includes(verb));
  if (missing !== undefined) return `it cannot be backed up and restored: the API server offers no ${missing}`;
  const reason = EXCLUDED.get(resourceKey(type));
  if (reason !== undefined) return reason;
  if (!wholeCluster && OF_NODES.has(resourceKey(type)))
    return 'it describes the machines of the cluster: part of backups of the whole cluster only';
  if (OLD_GROUPS.has(type.group)) return 'served again by a newer group, under which it is backed up';
  return '';
}
