import type { ActivityOptions } from '@temporalio/workflow';

/**
 * The named policies, and the only place with timeouts and retries. Every activity heartbeats (activities/heartbeat.ts), so a dead worker is
 * noticed after `heartbeatTimeout`; every policy ends, so a run ends too. Failures that a retry cannot mend are marked as such where they
 * arise (workers/classify-failure.ts).
 */
const retry = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '15s' } as const;

/** Reads a cluster or a location and decides. Cheap to repeat. */
export const decide: ActivityOptions = {
  startToCloseTimeout: '10m',
  scheduleToCloseTimeout: '30m',
  heartbeatTimeout: '6s',
  retry,
};

/** Moves one batch between cluster and location. An outage of the API server or of the store is waited out for hours, not for days. */
export const moveBatch: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '4h',
  heartbeatTimeout: '6s',
  retry,
};

/** Reads a whole location, which may be terabytes. One that is cut off begins again; its heartbeats tell a hung one from a long one. */
export const scan: ActivityOptions = {
  startToCloseTimeout: '24h',
  scheduleToCloseTimeout: '72h',
  heartbeatTimeout: '6s',
  retry,
};

/** Moves the data of one volume, which may be terabytes. One that is cut off goes on with what is stored already. */
export const moveVolume: ActivityOptions = {
  startToCloseTimeout: '48h',
  scheduleToCloseTimeout: '96h',
  heartbeatTimeout: '6s',
  retry,
};

/** Streams one snapshot of etcd, some gigabytes at most. One that is cut off begins again with what is stored already. */
export const snapshotEtcd: ActivityOptions = {
  startToCloseTimeout: '4h',
  scheduleToCloseTimeout: '8h',
  heartbeatTimeout: '6s',
  retry,
};

/** Quiesces or releases one application; how long it may take is part of the task. Not tried for long: the application waits meanwhile. */
export const quiesce: ActivityOptions = {
  startToCloseTimeout: '1h',
  scheduleToCloseTimeout: '1h',
  heartbeatTimeout: '6s',
  retry: { ...retry, maximumAttempts: 5 },
};

/** Renews the lease of a quiesced application for as long as it is captured. */
export const hold: ActivityOptions = {
  startToCloseTimeout: '48h',
  scheduleToCloseTimeout: '48h',
  heartbeatTimeout: '6s',
  retry: { ...retry, maximumInterval: '2s' },
  // Nobody waits for it to notice: the application would be held for as long.
  cancellationType: 'TRY_CANCEL',
};

/** Waits for something in the cluster; how long is part of the activity's input, the limits here only catch a hung worker. */
export const waitForCluster: ActivityOptions = {
  startToCloseTimeout: '2h',
  scheduleToCloseTimeout: '4h',
  heartbeatTimeout: '6s',
  retry,
};

/** Writes the one object that commits a run. Worth trying for long: all the work is done by then. */
export const commit: ActivityOptions = {
  startToCloseTimeout: '5m',
  scheduleToCloseTimeout: '12h',
  heartbeatTimeout: '6s',
  retry,
};

/** Brings something to a server that is not the location. Not tried for long: what was captured is safe, and the next turn mends it. */
export const publish: ActivityOptions = {
  startToCloseTimeout: '2h',
  scheduleToCloseTimeout: '4h',
  heartbeatTimeout: '6s',
  retry: { ...retry, maximumAttempts: 6 },
};

/**
 * Runs Helm for one release. How long Helm waits is part of the task, for each hook anew, so the limits here only catch what never ends. A worker that
 * died is followed by another one; a cluster that does not answer is asked for about an hour.
 */
export const installRelease: ActivityOptions = {
  startToCloseTimeout: '24h',
  scheduleToCloseTimeout: '48h',
  heartbeatTimeout: '6s',
  retry: { ...retry, maximumAttempts: 240 },
  // Cancelled, it ends Helm and says how that has left the release.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};
