import type { VolumePlan } from '../../contracts/activities.ts';
import type { BackupProjectInput } from '../../contracts/backup.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { PlannedVolume } from '../../contracts/volume.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { compileSelection, intendedExclusion } from '../../domain/selection/matcher.ts';
import { planVolume } from '../../domain/volume/plan-volume.ts';
import { podsByClaim } from '../../domain/volume/pods-by-claim.ts';
import { withoutReplaced } from '../../domain/volume/replaced-volumes.ts';
import { volumeFacts } from '../../domain/volume/volume-facts.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Mover } from '../../movers/port.ts';
import type { Plugins, Workload } from '../../plugins/plugin.ts';
import { CLAIMS, PERSISTENT_VOLUMES, PODS, WORKLOADS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import { planBackup } from '../capture/plan-backup.ts';
import { subjectsOf } from '../quiesce/quiesce-subjects.ts';
import { classesOf } from './classes-of.ts';
import { planGroups } from './plan-groups.ts';

/** From so many namespaces on, one list of the whole cluster is cheaper. */
const MANY_NAMESPACES = 10;

interface PlanVolumesWork {
  readonly cluster: Cluster;
  /** Asked for when there is a volume. */
  readonly mover: () => Promise<Mover>;
  readonly plugins: Plugins;
  readonly backup: BackupProjectInput;
  readonly signal: AbortSignal;
}

/** Looks at claims and applications as they are now, and decides what is done with each. Reads only. */
export async function planVolumes(work: PlanVolumesWork): Promise<VolumePlan> {
  const { cluster, backup, signal } = work;
  const { selection, namespaces, cluster: identity } = await planBackup(cluster, backup, signal);
  const matcher = compileSelection(selection, { types: [CLAIMS] });
  const listed = { cluster, namespaces, signal };
  const pods = await listIn(listed, PODS);
  // Without volumes there are hooks to plan for all the same.
  const claims = backup.volumes
    ? (await listIn(listed, CLAIMS)).filter((claim) => matcher.takes(claim, CLAIMS) && intendedExclusion(claim) === undefined)
    : [];
  const planned = claims.length === 0 ? [] : await planEach(work, claims, podsByClaim(pods));
  const quiesce = work.plugins.plan(
    subjectsOf({ pods, claims, volumes: planned, workloads: await workloadsIn(listed) }),
    backup.hooks ?? [],
  );
  const volumes = withoutReplaced(planned, quiesce.tasks);
  return {
    clusterUid: identity.uid,
    volumes,
    ...(await planGroups({ cluster, signal }, { volumes, claims, pods })),
    quiesce: quiesce.tasks,
    warnings: [],
    errors: [...volumes.flatMap(lost), ...quiesce.problems],
  };
}

async function planEach(
  { cluster, mover, backup, signal }: PlanVolumesWork,
  claims: readonly JsonObject[],
  pods: ReturnType<typeof podsByClaim>,
): Promise<readonly PlannedVolume[]> {
  const policy = backup.volumes?.policy ?? { rules: [] };
  const reaching = await mover();
  const volumes = new Map((await listAll(cluster, { type: PERSISTENT_VOLUMES }, signal)).map((volume) => [nameOf(volume), volume]));
  const classes = await classesOf(cluster, 'volumesnapshotclasses', signal);
  return claims.map((claim) => {
    const facts = volumeFacts(claim, volumes.get(textAt(claim, 'spec', 'volumeName')));
    return planVolume(facts, {
      policy,
      pods: pods.get(`${facts.namespace}/${facts.claim}`) ?? [],
      snapshotClass: classes.get(facts.driver) ?? '',
      reaches: (source) => reaching.reaches(source),
    });
  });
}

async function workloadsIn(listed: Listed): Promise<readonly Workload[]> {
  const lists = await Promise.all(WORKLOADS.map(async (type) => (await listIn(listed, type)).map((object) => ({ type, object }))));
  return lists.flat();
}

function lost({ namespace, claim, isProblem, reason }: PlannedVolume): readonly Issue[] {
  if (isProblem !== true) return [];
  return [
    {
      code: 'VolumeNotCaptured',
      message: `volume of claim ${namespace}/${claim}: ${reason}`,
      advice: 'its data is not in this backup; choose another method, or skip it, in a --volume-policy file',
    },
  ];
}

interface Listed {
  readonly cluster: Cluster;
  readonly namespaces: readonly string[];
  readonly signal: AbortSignal;
}

async function listIn({ cluster, namespaces, signal }: Listed, type: ResourceType): Promise<readonly JsonObject[]> {
  if (namespaces.length > MANY_NAMESPACES) {
    const wanted = new Set(namespaces);
    const all = await listAll(cluster, { type }, signal);
    return all.filter((object) => wanted.has(textAt(object, 'metadata', 'namespace')));
  }
  const lists = await Promise.all(namespaces.map((namespace) => listAll(cluster, { type, namespace }, signal)));
  return lists.flat();
}

function nameOf(object: JsonObject): string {
  return textAt(object, 'metadata', 'name');
}
