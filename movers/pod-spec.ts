import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import { metadata, moverName, podObject, READS, securityContext, VOLUME, WRITES, type PodOfTask } from './pod-frame.ts';
import { POD_SCRIPT } from './pod-script.ts';
import type { PodMoverSettings } from './pod-settings.ts';
import type { BackupTask, RestoreTask } from './port.ts';
import { backupArguments, optionArguments, restoreArguments } from './restic-command.ts';
import { moverSecrets } from './restic-environment.ts';

type Task = BackupTask | RestoreTask;

/** One mover in a cluster: a task, and where its volume is. */
export interface MoverPod extends PodOfTask {
  readonly task: Task;
}

export const MOVER_CONTAINER = 'restic';

const DEVICE = '/dev/holdfast-volume';
const SCRATCH = '/scratch';
const SECRETS = '/secrets';

/** The pod of a task. `recovers` for one that follows a killed one. Rejects with `BadInput` when the location cannot be reached from a pod. */
export function moverPodObject(mover: MoverPod, { recovers }: { readonly recovers: boolean }): JsonObject {
  return podObject(mover, { containers: [container(mover, recovers)], volumes: volumes(mover) });
}

/** Password, credentials and files of a task's pod. With the pod's uid it is removed with the pod at the latest. */
export function moverSecretObject(mover: MoverPod, podUid = ''): JsonObject {
  const { variables, files } = moverSecrets(mover.task.repository);
  const all = [...Object.entries(variables), ...Object.entries(files).map(([name, content]) => [fileKey(name), content] as const)];
  const name = moverName(mover.task.id);
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid: podUid }];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata(mover), ...(podUid === '' ? {} : { ownerReferences }) },
    type: 'Opaque',
    data: Object.fromEntries(all.map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  };
}

function container({ task, settings }: MoverPod, recovers: boolean): JsonObject {
  const { variables, files } = moverSecrets(task.repository);
  const secretName = moverName(task.id);
  const isBlock = task.volumeMode === 'Block';
  const mounts = [
    { name: 'scratch', mountPath: SCRATCH },
    { name: 'secrets', mountPath: SECRETS, readOnly: true },
    ...(isBlock ? [] : [{ name: 'volume', mountPath: VOLUME, readOnly: isBackup(task) }]),
    ...(usesFolder(task) && settings.location ? [{ name: 'location', mountPath: settings.location.path }] : []),
  ];
  return {
    name: MOVER_CONTAINER,
    image: settings.image,
    ...(settings.imagePullPolicy === undefined ? {} : { imagePullPolicy: settings.imagePullPolicy }),
    ...(settings.resources ? { resources: settings.resources } : {}),
    command: ['/bin/sh', '-c', POD_SCRIPT, 'mover', ...resticArguments(task)].map(unexpanded),
    workingDir: isBlock ? SCRATCH : VOLUME,
    env: [
      ...Object.keys(variables).map((name) => ({ name, valueFrom: { secretKeyRef: { name: secretName, key: name } } })),
      ...Object.keys(files).map((name) => ({ name, value: `${SECRETS}/${fileKey(name)}` })),
      { name: 'HOME', value: SCRATCH },
      { name: 'TMPDIR', value: SCRATCH },
      { name: 'RESTIC_CACHE_DIR', value: `${SCRATCH}/cache` },
      ...scriptVariables(task, recovers),
    ],
    securityContext: settings.securityContext ?? securityContext(isBackup(task) ? READS : WRITES),
    volumeMounts: mounts,
    ...(isBlock ? { volumeDevices: [{ name: 'volume', devicePath: DEVICE }] } : {}),
  };
}

function resticArguments(task: Task): readonly string[] {
  const context = { repository: task.repository, cacheFolder: `${SCRATCH}/cache`, device: DEVICE };
  return isBackup(task) ? backupArguments(task, context) : restoreArguments(task, context);
}

function scriptVariables(task: Task, recovers: boolean): readonly JsonObject[] {
  const options = optionArguments(task.repository).join(' ');
  const variables = [{ name: 'HOLDFAST_OPTIONS', value: options }, ...(recovers ? [{ name: 'HOLDFAST_RECOVER', value: '1' }] : [])];
  const isBlock = task.volumeMode === 'Block';
  if (isBackup(task)) return isBlock ? variables : [...variables, { name: 'HOLDFAST_ROOT', value: '1' }];
  return [
    ...variables,
    { name: 'HOLDFAST_SNAPSHOT', value: task.snapshot },
    ...(isBlock ? [] : [{ name: 'HOLDFAST_COUNT', value: unexpanded(`${VOLUME}${task.path}`) }]),
    ...(isBlock || task.path !== '/' ? [] : [{ name: 'HOLDFAST_WHOLE', value: '1' }]),
  ];
}

function volumes({ task, claim, settings }: MoverPod): readonly JsonObject[] {
  const { files } = moverSecrets(task.repository);
  const items = Object.keys(files).map((name) => ({ key: fileKey(name), path: fileKey(name) }));
  // Without items all keys would be files, the password too.
  const secrets = items.length === 0 ? { emptyDir: {} } : { secret: { secretName: moverName(task.id), defaultMode: 0o400, items } };
  return [
    { name: 'volume', persistentVolumeClaim: { claimName: claim.claim } },
    { name: 'scratch', emptyDir: {} },
    { name: 'secrets', ...secrets },
    ...(usesFolder(task) ? [{ name: 'location', ...locationVolume(task, settings) }] : []),
  ];
}

function locationVolume({ repository }: Task, { location }: PodMoverSettings): JsonObject {
  const isInside = location && `${repository.url}/`.startsWith(`${location.path.replace(/\/+$/, '')}/`);
  if (isInside === true) return location.volume;
  throw new HoldfastError(
    FailureType.BadInput,
    `volumes cannot be stored at ${repository.url}: it is a folder, and pods have no volume that holds it`,
    {
      advice: 'name a volume with the folder in the settings of the movers, or use a bucket for the location',
    },
  );
}

/** Kubernetes replaces $(NAME) in commands and values; $$ is a $. */
function unexpanded(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function isBackup(task: Task): task is BackupTask {
  return 'host' in task;
}

function usesFolder({ repository }: Task): boolean {
  return repository.url.startsWith('/');
}

function fileKey(name: string): string {
  return `file.${name}`;
}
