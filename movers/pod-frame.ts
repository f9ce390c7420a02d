import type { JsonObject } from '../contracts/json.ts';
import type { VolumeSource } from '../contracts/volume.ts';
import type { PodMoverSettings } from './pod-settings.ts';

/** A pod that works for one task at the volume of a claim. */
export interface PodOfTask {
  readonly task: { readonly id: string; readonly run?: string };
  readonly claim: Extract<VolumeSource, { kind: 'claim' }>;
  readonly settings: PodMoverSettings;
}

/** A pod that works for one task at the files of a node. */
export interface PodOnNode extends Pick<PodOfTask, 'task' | 'settings'> {
  readonly host: { readonly namespace: string; readonly node: string };
}

type AnyPod = PodOfTask | PodOnNode;

/** Namespace and node of a pod ('' for any), and for people what it works at. */
export function placeOf(pod: AnyPod): { readonly namespace: string; readonly node: string; readonly subject: string } {
  if ('host' in pod) return { ...pod.host, subject: `files of node ${pod.host.node}` };
  const { namespace, claim, node } = pod.claim;
  return { namespace, node, subject: `claim ${namespace}/${claim}` };
}

export const MANAGED_BY = { name: 'app.kubernetes.io/managed-by', value: 'holdfast' } as const;
/** Where the volume is mounted. */
export const VOLUME = '/volume';
/** The command of a pod that waits to be told what to do, and goes when it is asked to. */
export const WAIT = 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done';

/** Seconds that restic gets to remove its lock. */
const GRACE_SECONDS = 5;
const DEADLINE_SECONDS = 7 * 24 * 60 * 60;

/** To read everything, whoever's it is; and to write it, with owners, modes, capabilities of files and device nodes. */
export const READS = ['DAC_READ_SEARCH'];
export const WRITES = ['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP'];

export function moverName(id: string): string {
  return `holdfast-mover-${id}`;
}

/** What the pods of all tasks have in common, around containers and volumes. */
export function podObject(
  pod: AnyPod,
  inside: { readonly containers: readonly JsonObject[]; readonly volumes: readonly JsonObject[] },
): JsonObject {
  const { task, settings } = pod;
  const { node } = placeOf(pod);
  const { nodeSelector, tolerations, imagePullSecrets = [], hostAliases, priorityClassName, runtimeClassName, serviceAccount } = settings;
  const pinned = node === '' ? { ...(nodeSelector ? { nodeSelector } : {}) } : { nodeName: node };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(pod, settings.annotations),
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
      ...inside,
    },
  };
}

export function metadata(pod: AnyPod, annotations: Readonly<Record<string, string>> = {}): JsonObject {
  const { task, settings } = pod;
  return {
    name: moverName(task.id),
    namespace: placeOf(pod).namespace,
    labels: {
      ...settings.labels,
      [MANAGED_BY.name]: MANAGED_BY.value,
      'app.kubernetes.io/component': 'mover',
      'holdfast.dev/mover': task.id,
      ...(task.run === undefined ? {} : { 'holdfast.dev/run': task.run }),
    },
    annotations: { ...annotations, ...('claim' in pod ? { 'holdfast.dev/claim': pod.claim.claim } : {}) },
  };
}

export function securityContext(capabilities: readonly string[]): JsonObject {
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
