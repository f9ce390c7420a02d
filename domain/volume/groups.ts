import { VolumeMethod, type PlannedVolume, type VolumeGroup } from '../../contracts/volume.ts';

/** What decides with which others a volume is cut. */
interface Belonging {
  /** Value of the claim's label for it; '' when it has none. */
  readonly label: string;
  /** Whatever the pods that mount the claim come from, each named the same for every pod of it. */
  readonly owners: readonly string[];
}

/** How the cluster cuts several volumes. */
interface Grouping {
  belongingOf(volume: PlannedVolume): Belonging;
  /** VolumeGroupSnapshotClass for a driver; '' when it cannot. */
  groupClassOf(driver: string): string;
}

/**
 * The volumes that are cut at one moment: those of one application whose data is moved out of snapshots of one driver, in one namespace. An
 * application is what bears one label, or else the pods of one workload, with everything that they share.
 *
 * Snapshots that are kept are never cut in a group: drivers may refuse to delete one of a group without the others, and retention deletes them
 * one by one.
 */
export function volumeGroups(volumes: readonly PlannedVolume[], grouping: Grouping): readonly VolumeGroup[] {
  const able = volumes.filter(({ method, driver }) => method === VolumeMethod.DataMove && grouping.groupClassOf(driver) !== '');
  const members = able.map((volume) => ({ keys: new Set(keysOf(volume, grouping.belongingOf(volume))), volumes: [volume] }));
  return connected(members)
    .map(({ volumes: together }) => together)
    .filter((together) => together.length > 1)
    .map((together) => ({
      namespace: together[0]?.namespace ?? '',
      claims: together.map(({ claim }) => claim).sort(),
      snapshotClass: grouping.groupClassOf(together[0]?.driver ?? ''),
    }));
}

interface Members {
  readonly keys: Set<string>;
  readonly volumes: readonly PlannedVolume[];
}

/** A claim with a label belongs by nothing else. */
function keysOf({ namespace, driver }: PlannedVolume, { label, owners }: Belonging): readonly string[] {
  const names = label === '' ? owners.map((owner) => `of ${owner}`) : [`label ${label}`];
  return names.map((name) => JSON.stringify([namespace, driver, name]));
}

/** Joins what shares a key, directly or through others. */
function connected(all: readonly Members[]): readonly Members[] {
  let groups: readonly Members[] = [];
  for (const one of all) {
    const apart = groups.filter(({ keys }) => ![...keys].some((key) => one.keys.has(key)));
    const joined = groups.filter((group) => !apart.includes(group));
    const keys = new Set([...joined, one].flatMap((group) => [...group.keys]));
    groups = [...apart, { keys, volumes: [...joined.flatMap((group) => group.volumes), ...one.volumes] }];
  }
  return groups;
}
