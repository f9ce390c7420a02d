import { z } from 'zod';
import { VolumeMethod, type VolumePolicy, type VolumeRule } from '../../contracts/volume.ts';
import { parseQuantity } from '../../domain/resource/quantity.ts';
import { malformed, parseYaml, readYaml, type UserFile } from '../yaml-file.ts';

const OneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]);

/** `10Gi,100Gi`, `,100Gi`, `10Gi,`: both ends included, 0 at the end for no limit, as Velero has it. */
const Capacity = z.string().transform((text, context) => {
  const [from = '', to = '', ...rest] = text.split(',').map((part) => part.trim());
  const [min, max] = [from === '' ? 0 : parseQuantity(from), to === '' ? 0 : parseQuantity(to)];
  if (rest.length > 0 || !text.includes(',') || min === undefined || max === undefined || (max > 0 && max < min)) {
    context.addIssue({ code: 'custom', message: `"${text}" is no range of sizes: write "10Gi,100Gi", "10Gi," or ",100Gi"` });
    return z.NEVER;
  }
  return { min, ...(max === 0 ? {} : { max }) };
});

const Conditions = z.strictObject({
  capacity: Capacity.optional(),
  storageClass: OneOrMore.optional(),
  csi: z.strictObject({ driver: z.string().optional() }).nullable().optional(),
  nfs: z.strictObject({ server: z.string().optional(), path: z.string().optional() }).nullable().optional(),
  volumeTypes: OneOrMore.optional(),
  pvcLabels: z.record(z.string(), z.string()).optional(),
  pvcPhase: OneOrMore.optional(),
  volumeMode: z.enum(['Filesystem', 'Block']).optional(),
  accessModes: OneOrMore.optional(),
});

/** Ours, and Velero's words for them. */
const METHODS: Readonly<Record<string, VolumeMethod>> = {
  ...Object.fromEntries(Object.values(VolumeMethod).map((method) => [method, method])),
  snapshot: VolumeMethod.CsiSnapshot,
  'fs-backup': VolumeMethod.FileSystem,
};
const Action = z.strictObject({
  type: z.enum(Object.keys(METHODS), { error: `is none of ${Object.keys(METHODS).join(', ')}` }),
  parameters: z.record(z.string(), z.unknown()).optional(),
});

const Policy = z.strictObject({
  version: z.literal('v1', { error: 'is not v1' }),
  volumePolicies: z.array(z.strictObject({ conditions: Conditions, action: Action })),
});

/**
 * Reads a volume policy: Velero's file of resource policies, or the ConfigMap that holds it, with our methods beside Velero's words. `BadInput` in one line that
 * names the file and the field.
 */
export async function readVolumePolicy(path: string): Promise<VolumePolicy> {
  const file = { path, advice: 'see docs/volumes.md' };
  const checked = Policy.safeParse(policyIn(await readYaml(file), file));
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw malformed(file, `${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'is malformed'}`);
  }
  return { rules: checked.data.volumePolicies.map(ruleOf) };
}

const ConfigMap = z.object({ kind: z.literal('ConfigMap'), data: z.record(z.string(), z.string()) });

function policyIn(document: unknown, file: UserFile): unknown {
  const map = ConfigMap.safeParse(document);
  if (!map.success) return document;
  const [only, ...others] = Object.values(map.data.data);
  if (only === undefined || others.length > 0) throw malformed(file, 'the ConfigMap has not exactly one key');
  return parseYaml(only, file);
}

function ruleOf({ conditions, action }: z.infer<typeof Policy>['volumePolicies'][number]): VolumeRule {
  const { csi, nfs, pvcLabels, pvcPhase, volumeTypes, ...same } = conditions;
  const types = volumeTypes ?? (csi === undefined ? undefined : ['csi']);
  const all = {
    ...same,
    claimLabels: pvcLabels,
    claimPhase: pvcPhase,
    volumeTypes: types,
    driver: csi?.driver === undefined ? undefined : [csi.driver],
    nfs: nfs === undefined ? undefined : (nfs ?? {}),
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { conditions: given, method: METHODS[action.type] ?? VolumeMethod.Skip };
}
