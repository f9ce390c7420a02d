import type { Json, JsonObject } from '../../../contracts/json.ts';
import { changeEach, dropAt, field, listAt, textAt, without } from '../fields.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Service: addresses that the old cluster allotted are dropped, `None` (headless) stays. Node ports are dropped unless they are to be
 * preserved or the user wrote them, which the last-applied annotation tells. `ipFamilies` and `loadBalancerIP` are the user's.
 */
export function sanitiseService(service: JsonObject, options: { readonly preserveNodePorts: boolean }): JsonObject {
  const headless = textAt(service, 'spec', 'clusterIP') === 'None';
  const addressed = headless ? service : dropAt(service, ['spec'], ['clusterIP', 'clusterIPs']);
  if (options.preserveNodePorts) return addressed;
  const applied = lastApplied(addressed);
  const withoutPorts = changeEach(addressed, ['spec', 'ports'], (port) => (isApplied(port, applied) ? port : without(port, ['nodePort'])));
  const keepsHealthCheck = field(applied, 'spec', 'healthCheckNodePort') !== undefined;
  return keepsHealthCheck ? withoutPorts : dropAt(withoutPorts, ['spec'], ['healthCheckNodePort']);
}

/** Did the user give this port's nodePort? Ports are told apart by name, or by number and protocol. */
function isApplied(port: JsonObject, applied: Json): boolean {
  return listAt(applied, 'spec', 'ports').some((other) => {
    if (field(other, 'nodePort') === undefined) return false;
    if (textAt(port, 'name') !== '') return textAt(other, 'name') === textAt(port, 'name');
    return field(other, 'port') === field(port, 'port') && (textAt(other, 'protocol') || 'TCP') === (textAt(port, 'protocol') || 'TCP');
  });
}

/** The annotation is text from a stored object: when it is no JSON it tells nothing. */
function lastApplied(service: JsonObject): Json {
  try {
    return JSON.parse(textAt(service, 'metadata', 'annotations', LAST_APPLIED)) as Json;
  } catch {
    return null;
  }
}
