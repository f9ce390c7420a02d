import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { apiVersionOf, resourceKey } from './identity.ts';
import { sanitiseSecret, sanitiseServiceAccount } from './sanitise/credentials.ts';
import { sanitiseDefinition, sanitiseNamespace } from './sanitise/definition.ts';
import { resetMetadata } from './sanitise/metadata.ts';
import { sanitisePod, sanitisePodTemplate } from './sanitise/pod.ts';
import { sanitiseService } from './sanitise/service.ts';
import { sanitiseClaim, sanitiseVolume } from './sanitise/volume.ts';
import { sanitiseJob, sanitiseRollout, sanitiseStatefulSet } from './sanitise/workload.ts';

export interface SanitiseOptions {
  readonly preserveNodePorts: boolean;
  /** Is this persistent volume in the target cluster by the time its claim is created? */
  readonly restoresVolume: (name: string) => boolean;
}

type Rule = (object: JsonObject, options: SanitiseOptions) => JsonObject;

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['customresourcedefinitions.apiextensions.k8s.io', sanitiseDefinition],
  ['daemonsets.apps', sanitiseRollout],
  ['deployments.apps', sanitiseRollout],
  ['jobs.batch', sanitiseJob],
  ['namespaces', sanitiseNamespace],
  ['persistentvolumeclaims', sanitiseClaim],
  ['persistentvolumes', sanitiseVolume],
  ['pods', sanitisePod],
  ['secrets', sanitiseSecret],
  ['serviceaccounts', sanitiseServiceAccount],
  ['services', sanitiseService],
  ['statefulsets.apps', sanitiseStatefulSet],
]);

/**
 * A captured object as a user would write it: what a server or controller of the old cluster put in is gone, so that the new one fills it
 * in. Pure: the input is not changed, and sanitising twice is sanitising once. docs/restore-order.md lists the rules. `apiVersion` and
 * `kind` are set, because list items of built-in kinds lack them.
 */
export function sanitise(object: JsonObject, type: ResourceType, options: SanitiseOptions): JsonObject {
  const identified = { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
  const reset = sanitisePodTemplate(resetMetadata(identified), type);
  const rule = RULES.get(resourceKey(type));
  return rule === undefined ? reset : rule(reset, options);
}
