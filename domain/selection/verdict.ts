import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';

/** Whether an object belongs to a backup or restore, and if not, whether it was left out on purpose (worth a counted warning). */
export const Verdict = {
  Taken: 'taken',
  NotSelected: 'not-selected',
  /** It bears one of `EXCLUDE_LABELS`. */
  ExcludedByLabel: 'excluded-by-label',
  /** It has a deletionTimestamp: restoring it would bring back what somebody removes. */
  BeingDeleted: 'being-deleted',
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** A compiled selection. */
export interface SelectionMatcher {
  /** False when no object of the kind can be taken: its segments need not be read. */
  takesType(type: ResourceType): boolean;
  /** False when no object of the namespace can be taken. '' (cluster-scoped) is always true. */
  takesNamespace(namespace: string): boolean;
  takes(object: JsonObject, type: ResourceType): boolean;
  /** True when `selection.objects` asks for exactly this object. */
  namesObject(object: JsonObject, type: ResourceType): boolean;
}
