/** Annotation of a workload that a run has scaled down, until it is scaled up again: by which run, and how many replicas it had. */
export const SCALED_DOWN = 'holdfast.dev/scaled-down';
