/** Every workflow that a worker serves, by its wire name. A name is never changed: running workflows bear it. */
export { backupProject } from './backup-project.ts';
export { backupEtcd } from './backup-etcd.ts';
export { restoreProject } from './restore-project.ts';
export { copyRepository } from './copy-repository.ts';
export { syncGit } from './sync-git.ts';
export { importCommit } from './import-commit.ts';
export { restoreReleases } from './restore-releases.ts';
export { runSchedule } from './run-schedule.ts';
