import type { VolumeConditions, VolumePolicy, VolumeRule } from '../../contracts/volume.ts';
import { textAt } from '../resource/fields.ts';
import type { VolumeFacts } from './volume-facts.ts';

/** The first rule of which every condition holds; undefined when none does. */
export function ruleFor(facts: VolumeFacts, policy: VolumePolicy): VolumeRule | undefined {
  return policy.rules.find(({ conditions }) => hold(conditions, facts));
}

type Check = (conditions: VolumeConditions, facts: VolumeFacts) => boolean;

/** One for each condition; a condition that is not given holds. */
const CHECKS: Readonly<Record<keyof VolumeConditions, Check>> = {
  storageClass: ({ storageClass }, facts) => isOneOf(storageClass, facts.storageClass),
  driver: ({ driver }, facts) => isOneOf(driver, facts.driver),
  volumeTypes: ({ volumeTypes }, facts) => isOneOf(volumeTypes, facts.volumeType),
  claimPhase: ({ claimPhase }, facts) => isOneOf(claimPhase, facts.claimPhase),
  volumeMode: ({ volumeMode }, facts) => volumeMode === undefined || volumeMode === facts.volumeMode,
  accessModes: ({ accessModes }, facts) => accessModes?.some((mode) => facts.accessModes.includes(mode)) ?? true,
  capacity: ({ capacity }, facts) => capacity === undefined || isWithin(capacity, facts.capacityBytes),
  claimLabels: ({ claimLabels = {} }, facts) =>
    Object.entries(claimLabels).every(([key, value]) => textAt(facts.claimLabels, key) === value),
  nfs: ({ nfs }, facts) => nfs === undefined || (facts.volumeType === 'nfs' && isExport(nfs, facts.nfs)),
};

function hold(conditions: VolumeConditions, facts: VolumeFacts): boolean {
  return Object.values(CHECKS).every((check) => check(conditions, facts));
}

function isOneOf(allowed: readonly string[] | undefined, value: string): boolean {
  return allowed?.includes(value) ?? true;
}

function isWithin({ min = 0, max = Infinity }: NonNullable<VolumeConditions['capacity']>, bytes: number): boolean {
  return bytes >= min && bytes <= max;
}

function isExport({ server = '', path = '' }: NonNullable<VolumeConditions['nfs']>, found: VolumeFacts['nfs']): boolean {
  return (server === '' || server === found.server) && (path === '' || path === found.path);
}
