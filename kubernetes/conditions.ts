import type { Json } from '../contracts/json.ts';
import type { ResourceType } from '../contracts/resource.ts';
import { field, listAt, textAt } from '../domain/resource/fields.ts';

/** What an object's state means for somebody who waits: `ready`, or `never` (waiting longer is of no use), or not `yet`. */
export interface Readiness {
  readonly state: 'ready' | 'yet' | 'never';
  /** For people; '' when ready. */
  readonly reason: string;
}

const READY: Readiness = { state: 'ready', reason: '' };

/** A CustomResourceDefinition, or undefined when there is none. */
export function crdReadiness(crd: Json | undefined): Readiness {
  if (crd === undefined) return { state: 'never', reason: 'it does not exist' };
  if (textAt(crd, 'metadata', 'deletionTimestamp') !== '') return { state: 'never', reason: 'it is being deleted' };
  if (condition(crd, 'NamesAccepted') === 'False')
    return { state: 'never', reason: `its names are not accepted: ${messageOf(crd, 'NamesAccepted')}` };
  return condition(crd, 'Established') === 'True' ? READY : { state: 'yet', reason: 'it is not established yet' };
}

/** The first version that a CustomResourceDefinition serves; undefined when it serves none. */
export function servedType(crd: Json): ResourceType | undefined {
  const version = listAt(crd, 'spec', 'versions').find((candidate) => field(candidate, 'served') === true);
  if (version === undefined) return undefined;
  return {
    group: textAt(crd, 'spec', 'group'),
    version: textAt(version, 'name'),
    kind: textAt(crd, 'spec', 'names', 'kind'),
    resource: textAt(crd, 'spec', 'names', 'plural'),
    namespaced: textAt(crd, 'spec', 'scope') === 'Namespaced',
  };
}

/** A Namespace, or undefined when there is none. `wasTerminating`: it was seen being deleted before. */
export function namespaceReadiness(namespace: Json | undefined, wasTerminating: boolean): Readiness {
  if (namespace === undefined)
    return { state: 'never', reason: wasTerminating ? 'it was being deleted and is gone now' : 'it does not exist' };
  const terminating = textAt(namespace, 'status', 'phase') === 'Terminating' || textAt(namespace, 'metadata', 'deletionTimestamp') !== '';
  return terminating ? { state: 'yet', reason: 'it is being deleted' } : READY;
}

/** An APIService, or undefined when there is none. */
export function apiServiceReadiness(service: Json | undefined): Readiness {
  if (service === undefined) return { state: 'never', reason: 'it does not exist' };
  if (condition(service, 'Available') === 'True') return READY;
  return { state: 'yet', reason: messageOf(service, 'Available') || 'its server has not answered yet' };
}

/** The EndpointSlices of a Service. A missing `ready` condition means ready, as Kubernetes defines it. */
export function backendReadiness(slices: readonly Json[]): Readiness {
  const endpoints = slices.flatMap((slice) => listAt(slice, 'endpoints'));
  if (endpoints.some((endpoint) => field(endpoint, 'conditions', 'ready') !== false)) return READY;
  return { state: 'yet', reason: endpoints.length === 0 ? 'it has no endpoints' : 'none of its endpoints is ready' };
}

function condition(object: Json, type: string): string {
  return textAt(findCondition(object, type), 'status');
}

function messageOf(object: Json, type: string): string {
  return textAt(findCondition(object, type), 'message');
}

function findCondition(object: Json, type: string): Json | undefined {
  return listAt(object, 'status', 'conditions').find((candidate) => textAt(candidate, 'type') === type);
}
