import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { VolumeSource } from '../contracts/volume.ts';
import { POD_SCRIPT } from './pod-script.ts';
import type { PodMoverSettings } from './pod-settings.ts';
import type { BackupTask, RestoreTask } from './port.ts';
import { backupArguments, optionArguments, restoreArguments } from './restic-command.ts';
import { moverSecrets } from './restic-environment.ts';

type Task = BackupTask | RestoreTask;
type Claim = Extract<VolumeSource, { kind: 'claim' }>;

/** One mover in a cluster: a task, and where its volume is. */
export interface MoverPod {
  readonly task: Task;
  readonly claim: Claim;
  readonly settings: PodMoverSettings;
}

export const MOVER_CONTAINER = 'restic';
export const MANAGED_BY = { name: 'app.kubernetes.io/managed-by', value: 'holdfast' } as const;

/** Seconds that restic gets to remove its lock. */
const GRACE_SECONDS = 5;
const DEADLINE_SECONDS = 7 * 24 * 60 * 60;
const VOLUME = '/volume';
const DEVICE = '/dev/holdfast-volume';
const SCRATCH = '/scratch';
const SECRETS = '/secrets';

/** To read everything, whoever's it is; and to write it, with owners, modes, capabilities of files and device nodes. */
const READS = ['DAC_READ_SEARCH'];
const WRITES = ['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP'];

export function moverName(id: string): string {
  return `holdfast-mover-${id}`;
}

/** The pod of a task. `recovers` for one that follows a killed one. Rejects with `BadInput` when the location cannot be reached from a pod. */
export function moverPodObject(mover: MoverPod, { recovers }: { readonly recovers: boolean }): JsonObject {
  const { task, claim, settings } = mover;
  const { nodeSelector, tolerations, imagePullSecrets = [], hostAliases, priorityClassName, runtimeClassName, serviceAccount } = settings;
  const pinned = claim.node === '' ? { ...(nodeSelector ? { nodeSelector } : {}) } : { nodeName: claim.node };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(mover, settings.annotations),
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      activeDeadlineSeconds: settings.deadlineSeconds ?? DEADLINE_SECONDS,
      // The same in every pod of the task: restic's lock names it, and so the next pod knows the lock of a killed one.
      hostname: `mover-${task.id}`,
      ...pinned,
      ...(tolerations ? { tolerations } : {}),
      ...(hostAliases ? { hostAliases } : {}),
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
      ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
      ...(settings.hostNetwork === true ? { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' } : {}),
      imagePullSecrets: imagePullSecrets.map((name) => ({ name })),
      containers: [container(mover, recovers)],
      volumes: volumes(mover),
    },
  };
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

function metadata({ task, claim, settings }: MoverPod, annotations: Readonly<Record<string, string>> = {}): JsonObject {
  return {
    name: moverName(task.id),
    namespace: claim.namespace,
    labels: {
      ...settings.labels,
      [MANAGED_BY.name]: MANAGED_BY.value,
      'app.kubernetes.io/component': 'mover',
      'holdfast.dev/mover': task.id,
      ...(task.run === undefined ? {} : { 'holdfast.dev/run': task.run }),
    },
    annotations: { ...annotations, 'holdfast.dev/claim': claim.claim },
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

function securityContext(capabilities: readonly string[]): JsonObject {
  return {
    runAsUser: 0,
    runAsGroup: 0,
    runAsNonRoot: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: capabilities },
    seccompProfile: { type: 'RuntimeDefault' },
  };
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
