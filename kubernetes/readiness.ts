import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ResourceType } from '../contracts/resource.ts';
import { apiServiceReadiness, backendReadiness, crdReadiness, namespaceReadiness, servedType, type Readiness } from './conditions.ts';
import type { CallOptions, Cluster } from './port.ts';

export interface WaitOptions extends CallOptions {
  /** How long to wait, in milliseconds; everything is looked at once also with 0. */
  readonly timeoutMs: number;
  /** Called before each round with what is not ready yet. */
  readonly heartbeat?: (waitingFor: readonly string[]) => void;
}

export interface NotReady {
  readonly name: string;
  readonly reason: string;
}

const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  namespaced: false,
};
const NAMESPACES: ResourceType = { group: '', version: 'v1', kind: 'Namespace', resource: 'namespaces', namespaced: false };
const API_SERVICES: ResourceType = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  resource: 'apiservices',
  namespaced: false,
};
const SERVICES: ResourceType = { group: '', version: 'v1', kind: 'Service', resource: 'services', namespaced: true };
const SLICES: ResourceType = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  resource: 'endpointslices',
  namespaced: true,
};
const FIRST_ROUND_MS = 100;
const LONGEST_ROUND_MS = 2_000;

/**
 * Waits until each CustomResourceDefinition is established and its resource is really served. Returns those that are not in time, or never
 * will be. Rejects with the cluster's failures, and with the signal's reason.
 */
export function awaitCrdsEstablished(cluster: Cluster, names: readonly string[], wait: WaitOptions): Promise<readonly NotReady[]> {
  return poll(names, wait, async (name) => {
    const crd = await cluster.get({ type: CRDS, namespace: '', name }, wait);
    const readiness = crdReadiness(crd?.object);
    const type = crd && readiness.state === 'ready' ? servedType(crd.object) : undefined;
    if (!type || (await isServed(cluster, type, wait))) return readiness;
    return { state: 'yet', reason: 'it is established and not served yet' };
  });
}

/** Waits until each namespace is active. One that is being deleted is waited for until it is gone, and is then reported as not ready. */
export function awaitNamespacesActive(cluster: Cluster, names: readonly string[], wait: WaitOptions): Promise<readonly NotReady[]> {
  const terminating = new Set<string>();
  return poll(names, wait, async (name) => {
    const namespace = await cluster.get({ type: NAMESPACES, namespace: '', name }, wait);
    const readiness = namespaceReadiness(namespace?.object, terminating.has(name));
    if (readiness.state === 'yet') terminating.add(name);
    return readiness;
  });
}

/** Waits until the servers behind each APIService answer. */
export function awaitApisAvailable(cluster: Cluster, names: readonly string[], wait: WaitOptions): Promise<readonly NotReady[]> {
  return poll(names, wait, async (name) =>
    apiServiceReadiness((await cluster.get({ type: API_SERVICES, namespace: '', name }, wait))?.object),
  );
}

/** Waits until each service (`namespace/name`) has a ready endpoint, so that the webhooks behind it answer. Not for one that does not exist. */
export function awaitWebhookBackends(cluster: Cluster, services: readonly string[], wait: WaitOptions): Promise<readonly NotReady[]> {
  return poll(services, wait, async (service) => {
    const [namespace = '', name = ''] = service.split('/');
    const page = await cluster.listPage(
      {
        type: SLICES,
        namespace,
        labelSelector: `kubernetes.io/service-name=${name}`,
        limit: 500,
        exactRevision: '',
        continueToken: '',
      },
      wait,
    );
    const readiness = backendReadiness(page.items.map((item) => item.object));
    if (readiness.state === 'ready' || page.items.length > 0) return readiness;
    return (await cluster.get({ type: SERVICES, namespace, name }, wait)) ? readiness : { state: 'never', reason: 'it does not exist' };
  });
}

async function poll(names: readonly string[], wait: WaitOptions, look: (name: string) => Promise<Readiness>): Promise<readonly NotReady[]> {
  const deadline = performance.now() + wait.timeoutMs;
  const never: NotReady[] = [];
  let waitingFor: readonly NotReady[] = [...new Set(names)].map((name) => ({ name, reason: '' }));
  for (let pause = FIRST_ROUND_MS; ; pause = Math.min(LONGEST_ROUND_MS, pause * 1.5)) {
    wait.signal?.throwIfAborted();
    wait.heartbeat?.(waitingFor.map(({ name }) => name));
    const looked = await Promise.all(waitingFor.map(async ({ name }) => ({ name, ...(await look(name)) })));
    never.push(...looked.filter(({ state }) => state === 'never').map(({ name, reason }) => ({ name, reason })));
    waitingFor = looked.filter(({ state }) => state === 'yet').map(({ name, reason }) => ({ name, reason }));
    const left = deadline - performance.now();
    if (waitingFor.length === 0 || left <= 0) return [...never, ...waitingFor];
    await sleep(Math.min(pause, left), undefined, wait.signal ? { signal: wait.signal } : {}).catch(() => undefined);
  }
}

/** Between being established and being served there is a moment in which requests meet a 404. Any other answer comes from the resource. */
async function isServed(cluster: Cluster, type: ResourceType, options: CallOptions): Promise<boolean> {
  try {
    await cluster.listPage({ type, namespace: '', labelSelector: '', limit: 1, exactRevision: '', continueToken: '' }, options);
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return error.type !== FailureType.NotFound;
  }
}
