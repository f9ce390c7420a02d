import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { CoveredVolume } from '../../contracts/volume.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import { canHaveVolume, describeAffinity } from '../../domain/volume/node-affinity.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { PERSISTENT_VOLUMES, STORAGE_CLASSES } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';

const NODES: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
const CSI_NODES: ResourceType = { group: 'storage.k8s.io', version: 'v1', kind: 'CSINode', resource: 'csinodes', namespaced: false };
/** Claims that a problem names. */
const NAMED = 5;

/** What a restore will fill. */
export interface MountCheck {
  readonly cluster: Cluster;
  /** Captured volumes whose claims keep their storage class. */
  readonly volumes: readonly CoveredVolume[];
  /** The PersistentVolumes that the restore makes for them, as captured. */
  readonly made: readonly JsonObject[];
}

/**
 * Volumes that no node of the cluster could mount, one line for each reason. A mover would wait for them until its time is over, and their workloads for
 * ever. Says nothing about a cluster without nodes (they may come when pods want them), and about what the worker is not allowed to see.
 */
export async function mountProblems({ cluster, volumes, made }: MountCheck, signal: AbortSignal): Promise<readonly string[]> {
  if (volumes.length === 0) return [];
  const nodes = (await visible(cluster, NODES, signal)) ?? [];
  if (nodes.length === 0) return [];
  return [...(await driverProblems({ cluster, volumes }, signal)), ...(await affinityProblems({ cluster, made, nodes }, signal))];
}

/** A storage driver runs on every node that mounts its volumes, and is registered there. */
async function driverProblems(
  { cluster, volumes }: Pick<MountCheck, 'cluster' | 'volumes'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = volumes.filter(({ driver }) => driver !== '');
  if (wanted.length === 0) return [];
  const csiNodes = await visible(cluster, CSI_NODES, signal);
  if (!csiNodes) return [];
  const present = new Set(csiNodes.flatMap((node) => listAt(node, 'spec', 'drivers')).map((driver) => textAt(driver, 'name')));
  const classes = (await visible(cluster, STORAGE_CLASSES, signal)) ?? [];
  const provisioners = new Map(classes.map((found) => [textAt(found, 'metadata', 'name'), textAt(found, 'provisioner')]));
  // A class of the same name may be another driver's here: the claim gets a volume of that.
  const lacking = wanted.filter(
    ({ driver, storageClass }) => !present.has(driver) && (provisioners.get(storageClass) ?? driver) === driver,
  );
  const drivers = [...new Set(lacking.map(({ driver }) => driver))].sort();
  return drivers.map((driver) => {
    const claims = lacking.filter((volume) => volume.driver === driver).map(({ namespace, claim }) => `${namespace}/${claim}`);
    return `no node of the cluster has the storage driver ${driver}, which the volumes of ${briefly(claims)} need`;
  });
}

interface AffinityCheck extends Pick<MountCheck, 'cluster' | 'made'> {
  readonly nodes: readonly JsonObject[];
}

async function affinityProblems({ cluster, made, nodes }: AffinityCheck, signal: AbortSignal): Promise<readonly string[]> {
  const astray = made.filter((volume) => !nodes.some((node) => canHaveVolume(node, volume)));
  if (astray.length === 0) return [];
  const live = new Set((await visible(cluster, PERSISTENT_VOLUMES, signal))?.map((volume) => textAt(volume, 'metadata', 'name')));
  return astray
    .filter((volume) => !live.has(textAt(volume, 'metadata', 'name')))
    .map((volume) => {
      const claim = `${textAt(volume, 'spec', 'claimRef', 'namespace')}/${textAt(volume, 'spec', 'claimRef', 'name')}`;
      return `volume ${textAt(volume, 'metadata', 'name')} of ${claim} can only be on nodes with ${describeAffinity(volume)}, and the cluster has none`;
    });
}

/** Undefined where the worker may not look. */
async function visible(cluster: Cluster, type: ResourceType, signal: AbortSignal): Promise<readonly JsonObject[] | undefined> {
  try {
    return await listAll(cluster, { type }, signal);
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.Forbidden) return undefined;
    throw error;
  }
}

function briefly(claims: readonly string[]): string {
  const more = claims.length - NAMED;
  return `${claims.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
