import { setTimeout as pause } from 'node:timers/promises';
import { kubeconfigRequest } from './kubeconfig-request.ts';

interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number; readonly state: object }[];
}

/** Creates a pod of one container in the namespace `default`; `spec` adds to the pod's, `container` to the container's. */
export async function createPod(
  kubeconfig: string,
  name: string,
  { container, spec = {} }: { readonly container: object; readonly spec?: object },
): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers: [{ name: 'main', ...container }] },
  };
  const answer = await kubeconfigRequest(kubeconfig, { method: 'POST', path: '/api/v1/namespaces/default/pods', body });
  if (answer.status !== 201) throw new Error(`pod ${name} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
}

export async function podStatus(kubeconfig: string, name: string): Promise<PodStatus> {
  const { status, body } = await kubeconfigRequest(kubeconfig, { path: `/api/v1/namespaces/default/pods/${name}` });
  if (status !== 200) throw new Error(`pod ${name} was answered with ${status}`);
  return body['status'] ?? {};
}

/** Waits until the pod's status is as asked for; says what it was when that takes too long. */
export async function podBecomes(
  kubeconfig: string,
  name: string,
  wanted: (status: PodStatus) => boolean,
  withinMs = 60_000,
): Promise<PodStatus> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const status = await podStatus(kubeconfig, name);
    if (wanted(status)) return status;
    if (performance.now() > deadline) throw new Error(`pod ${name} is not as wanted after ${withinMs} ms: ${JSON.stringify(status)}`);
    await pause(200);
  }
}

export const isRunning = ({ phase }: PodStatus): boolean => phase === 'Running';
export const hasEnded = ({ phase }: PodStatus): boolean => phase === 'Succeeded' || phase === 'Failed';
