import type { HoldfastActivities } from '../contracts/activities.ts';
import { backupActivities } from './backup-activities.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { etcdActivities } from './etcd-activities.ts';
import { helmActivities } from './helm-activities.ts';
import { gitActivities } from './git-activities.ts';
import { hookActivities } from './hook-activities.ts';
import { pauseActivities } from './pause-activities.ts';
import { quiesceActivities } from './quiesce-activities.ts';
import { restoreActivities } from './restore-activities.ts';
import { upkeepActivities } from './upkeep-activities.ts';
import { volumeActivities } from './volume-activities.ts';

/** Every activity that a worker serves, bound to the clients of this process. Each runs with a pulse: heartbeats and cancellation. */
export function createActivities(dependencies: ActivityDependencies): HoldfastActivities {
  return {
    ...backupActivities(dependencies),
    ...restoreActivities(dependencies),
    ...volumeActivities(dependencies),
    ...quiesceActivities(dependencies),
    ...pauseActivities(dependencies),
    ...hookActivities(dependencies),
    ...gitActivities(dependencies),
    ...helmActivities(dependencies),
    ...etcdActivities(dependencies),
    ...upkeepActivities(dependencies),
  };
}
