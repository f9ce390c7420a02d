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
