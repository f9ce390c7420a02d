import type { VolumePlan } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { VolumeMethod, type PlannedVolume } from '../../contracts/volume.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { volumeGroups } from '../../domain/volume/groups.ts';
import { podsByClaim } from '../../domain/volume/pods-by-claim.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { classesOf } from './classes-of.ts';

/** Ours, and Velero's. */
const LABELS = ['holdfast.dev/volume-group', 'velero.io/volume-group'];

interface Planned {
  readonly volumes: readonly PlannedVolume[];
  readonly claims: readonly JsonObject[];
  readonly pods: readonly JsonObject[];
}

/** Which volumes are cut together. Asks the cluster only where several could be. */
export async function planGroups(
  { cluster, signal }: { readonly cluster: Cluster; readonly signal: AbortSignal },
  { volumes, claims, pods }: Planned,
): Promise<Pick<VolumePlan, 'groups'>> {
  if (volumes.filter(({ method }) => method === VolumeMethod.DataMove).length < 2) return {};
  const classes = await classesOf(cluster, 'volumegroupsnapshotclasses', signal);
  if (classes.size === 0) return {};
  const mounting = podsByClaim(pods);
  const labels = new Map(
    claims.map((claim) => [nameOf(claim), LABELS.map((key) => textAt(claim, 'metadata', 'labels', key)).find(Boolean)]),
  );
  const groups = volumeGroups(volumes, {
    belongingOf: ({ namespace, claim }) => ({
      label: labels.get(`${namespace}/${claim}`) ?? '',
      owners: (mounting.get(`${namespace}/${claim}`) ?? []).map(({ owner }) => owner),
    }),
    groupClassOf: (driver) => classes.get(driver) ?? '',
  });
  return groups.length === 0 ? {} : { groups };
}

function nameOf(claim: JsonObject): string {
  return `${textAt(claim, 'metadata', 'namespace')}/${textAt(claim, 'metadata', 'name')}`;
}
