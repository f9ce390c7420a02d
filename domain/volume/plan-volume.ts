import type { PlannedVolume, VolumePolicy, VolumeSource } from '../../contracts/volume.ts';
import { VolumeMethod } from '../../contracts/volume.ts';
import { ruleFor } from './policy.ts';
import type { VolumeFacts } from './volume-facts.ts';

/** What the cluster and the worker can do for a volume. */
export interface VolumeSurroundings {
  readonly policy: VolumePolicy;
  /** Pods that mount the claim and have not ended, in a stable order. */
  readonly pods: readonly { readonly name: string; readonly node: string }[];
  /** VolumeSnapshotClass for the volume's driver; '' when its snapshots cannot be had. */
  readonly snapshotClass: string;
  /** Can a mover get at it? */
  reaches(source: VolumeSource): boolean;
}

/** What a backup does with one claim, and why. */
export function planVolume(facts: VolumeFacts, surroundings: VolumeSurroundings): PlannedVolume {
  const { namespace, claim, volume, storageClass, driver, capacityBytes, accessModes, volumeMode } = facts;
  return {
    ...{ namespace, claim, volume, storageClass, driver, capacityBytes, accessModes, volumeMode },
    pods: surroundings.pods.map(({ name }) => name),
    ...decide(facts, surroundings),
  };
}

type Decision = Pick<PlannedVolume, 'method' | 'reason' | 'isProblem' | 'source' | 'snapshotClass'>;

function decide(facts: VolumeFacts, surroundings: VolumeSurroundings): Decision {
  const rule = ruleFor(facts, surroundings.policy);
  if (rule?.method === VolumeMethod.Skip) return skip('the volume policy says so');
  if (facts.volume === '' || facts.volumeType === '') return skip('the claim has no volume yet');
  if (rule) return asAsked(rule.method, facts, surroundings);
  return surroundings.snapshotClass === '' ? readLive(facts, surroundings, 'by default') : moveFromSnapshot(surroundings, 'by default');
}

function asAsked(method: VolumeMethod, facts: VolumeFacts, surroundings: VolumeSurroundings): Decision {
  const reason = 'the volume policy says so';
  if (method === VolumeMethod.FileSystem) return readLive(facts, surroundings, reason);
  if (surroundings.snapshotClass === '') {
    const whose = facts.driver === '' ? `a ${facts.volumeType} volume` : `the driver ${facts.driver}`;
    return problem(`the volume policy asks for ${method}, but there is no VolumeSnapshotClass for ${whose}`);
  }
  if (method === VolumeMethod.DataMove) return moveFromSnapshot(surroundings, reason);
  return { method, reason, snapshotClass: surroundings.snapshotClass };
}

function moveFromSnapshot({ snapshotClass }: VolumeSurroundings, reason: string): Decision {
  return { method: VolumeMethod.DataMove, reason, snapshotClass };
}

function readLive(facts: VolumeFacts, surroundings: VolumeSurroundings, reason: string): Decision {
  const { namespace, claim, folder } = facts;
  const [first] = surroundings.pods;
  const sources: readonly VolumeSource[] = [
    ...(folder === '' ? [] : [{ kind: 'folder', path: folder } as const]),
    { kind: 'claim', namespace, claim, node: first?.node ?? '' },
  ];
  const source = sources.find((candidate) => surroundings.reaches(candidate));
  if (source) return { method: VolumeMethod.FileSystem, reason, source };
  const where = folder === '' ? 'no node of the cluster can run a mover' : `${folder} is not below the folder that the kubeconfig allows`;
  return problem(`no mover can reach it: ${where}`);
}

function skip(reason: string): Decision {
  return { method: VolumeMethod.Skip, reason };
}

function problem(reason: string): Decision {
  return { ...skip(reason), isProblem: true };
}
