/** Workflow ids are business keys: the same request twice is the same run. */
export function backupWorkflowId(location: string, name: string): string {
  return `backup/${location}/${name}`;
}

export function restoreWorkflowId(cluster: string, name: string): string {
  return `restore/${cluster}/${name}`;
}

/** One queue per cluster, so that each cluster's credentials stay beside it. */
export function clusterTaskQueue(cluster: string): string {
  return `holdfast/${cluster}`;
}

export function clusterOfTaskQueue(taskQueue: string): string {
  return taskQueue.replace(/^holdfast\//, '');
}
