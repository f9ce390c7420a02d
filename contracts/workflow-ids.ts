/** Workflow ids are business keys: the same request twice is the same run. */
export function backupWorkflowId(location: string, name: string): string {
  return `backup/${location}/${name}`;
}

export function restoreWorkflowId(cluster: string, name: string): string {
  return `restore/${cluster}/${name}`;
}

/** One copy at a time between two places. */
export function copyWorkflowId(from: string, to: string): string {
  return `copy/${from}/${to}`;
}

/** One sync at a time of a cluster to a Git remote. */
export function gitSyncWorkflowId(cluster: string, remote: string): string {
  return `git/${cluster}/${remote}`;
}

/** One import at a time of a commit into a location. */
export function gitImportWorkflowId(location: string, remote: string, commit: string): string {
  return `git-import/${location}/${remote}/${commit}`;
}

/** One restore of releases at a time for a request: `request` stands for all that was asked for. */
export function restoreReleasesWorkflowId(cluster: string, request: string): string {
  return `helm/${cluster}/${request}`;
}

const SCHEDULE = 'schedule/';

/** The id of a schedule; the runs that it starts add to it. */
export function scheduleId(name: string): string {
  return `${SCHEDULE}${name}`;
}

/** The name in a schedule's id; undefined for schedules that are not ours. */
export function scheduleNameOf(id: string): string | undefined {
  return id.startsWith(SCHEDULE) ? id.slice(SCHEDULE.length) : undefined;
}

/** Stands for a cluster where a run needs none. */
export const NO_CLUSTER = '-';

/** One queue per cluster, so that each cluster's credentials stay beside it. */
export function clusterTaskQueue(cluster: string): string {
  return `holdfast/${cluster}`;
}

export function clusterOfTaskQueue(taskQueue: string): string {
  return taskQueue.replace(/^holdfast\//, '');
}
