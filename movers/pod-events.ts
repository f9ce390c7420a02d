import type { JsonObject } from '../contracts/json.ts';
import type { ResourceType } from '../contracts/resource.ts';
import { textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';

const EVENTS: ResourceType = { group: '', version: 'v1', kind: 'Event', resource: 'events', namespaced: true };
const PAGE = 500;
const UNKNOWN = 'the cluster does not say why';

/** The last warning about a pod that does not start, for people. Mounting and attaching are told in events only. */
export async function whyNotStarted(cluster: Cluster, pod: JsonObject, signal: AbortSignal): Promise<string> {
  const namespace = textAt(pod, 'metadata', 'namespace');
  const request = { type: EVENTS, namespace, labelSelector: '', limit: PAGE, exactRevision: '', continueToken: '' };
  try {
    const { items } = await cluster.listPage(request, { signal });
    const own = items
      .map(({ object }) => object)
      .filter((event) => textAt(event, 'involvedObject', 'uid') === textAt(pod, 'metadata', 'uid'));
    const last = own
      .filter((event) => textAt(event, 'type') === 'Warning')
      .sort(byTime)
      .at(-1);
    return last ? `${textAt(last, 'reason')}: ${textAt(last, 'message')}` : UNKNOWN;
  } catch {
    signal.throwIfAborted();
    // Rights to read events are not needed for anything else.
    return UNKNOWN;
  }
}

function byTime(a: JsonObject, b: JsonObject): number {
  return timeOf(a) < timeOf(b) ? -1 : 1;
}

function timeOf(event: JsonObject): string {
  return textAt(event, 'lastTimestamp') || textAt(event, 'eventTime') || textAt(event, 'metadata', 'creationTimestamp');
}
