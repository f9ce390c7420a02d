import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { neverRestored } from '../plan/never-restored.ts';
import { textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { controlledReason } from '../resource/ownership.ts';

const KINDS: ReadonlyMap<string, string> = new Map([
  ['endpoints', 'follows the pods of its Service'],
  ['endpointslices.discovery.k8s.io', 'follows the pods of its Service'],
  ['controllerrevisions.apps', 'the memory of a controller'],
]);
const SECRET_TYPES: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/service-account-token', 'a token that the cluster makes'],
  ['helm.sh/release.v1', 'a record of Helm'],
]);
/** Helm's records, where it keeps them as ConfigMaps. */
const HELM_RECORD = /^sh\.helm\.release\.v1\./;

/** Why an object is never in Git, which is for what people have written: a controller, the cluster or a machine makes it; '' when it may be there. */
export function leftOutOfGit(object: JsonObject, type: ResourceType): string {
  const key = resourceKey(type);
  const ofKind = KINDS.get(key) ?? neverRestored(object, type);
  if (ofKind !== '') return ofKind;
  if (key === 'secrets') return SECRET_TYPES.get(textAt(object, 'type')) ?? '';
  if (key === 'configmaps' && HELM_RECORD.test(textAt(object, 'metadata', 'name'))) return 'a record of Helm';
  return controlledReason(object, type, () => true);
}
