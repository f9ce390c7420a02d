/** Search attributes that Holdfast sets, all of Temporal's type Keyword. `workers/` registers them. Never secrets: Temporal keeps them plain. */
export const SEARCH_ATTRIBUTES = {
  kind: 'HoldfastKind',
  cluster: 'HoldfastCluster',
  location: 'HoldfastLocation',
  /** Name of the backup or restore. */
  name: 'HoldfastName',
  phase: 'HoldfastPhase',
  /** `true` when a person must look at the run. */
  needsAttention: 'HoldfastNeedsAttention',
} as const;

/** What lists of runs show and filter by. */
export interface RunLabels {
  /** `backup`, `restore`, `copy`, `schedule`. */
  readonly kind: string;
  readonly name: string;
  readonly cluster: string;
  readonly location: string;
}

/** Attribute and value, for a run that begins. */
export function attributesOfNewRun(run: RunLabels): readonly (readonly [attribute: string, value: string])[] {
  return [
    [SEARCH_ATTRIBUTES.kind, run.kind],
    [SEARCH_ATTRIBUTES.cluster, run.cluster],
    [SEARCH_ATTRIBUTES.location, run.location],
    [SEARCH_ATTRIBUTES.name, run.name],
    [SEARCH_ATTRIBUTES.phase, 'Running'],
    [SEARCH_ATTRIBUTES.needsAttention, 'false'],
  ];
}
