import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { Allowance } from '../../contracts/restore.ts';
import { field, isObject, listAt, objectAt, textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { podSpecOf } from '../resource/pod-spec.ts';

interface GateOptions {
  readonly allow: readonly Allowance[];
  /** Is this namespace, as it was captured, part of the restore? */
  readonly restoresNamespace: (namespace: string) => boolean;
}

/**
 * A restore applies stored objects with our rights, so whoever can write to the location, or could write to the old cluster, would act
 * through us. Why an object (as captured) is refused, and how to allow it; '' when it may pass.
 */
export function gateReason(captured: JsonObject, type: ResourceType, options: GateOptions): string {
  const found = danger(captured, type, options);
  if (found === undefined || options.allow.includes(found.allowance)) return '';
  return `${found.what}: allow it with --allow ${found.allowance}, or select the object by name`;
}

interface Danger {
  readonly allowance: Allowance;
  readonly what: string;
}

function danger(object: JsonObject, type: ResourceType, options: GateOptions): Danger | undefined {
  switch (resourceKey(type)) {
    case 'mutatingwebhookconfigurations.admissionregistration.k8s.io':
    case 'validatingwebhookconfigurations.admissionregistration.k8s.io':
      return { allowance: Allowance.Webhooks, what: 'it sees or changes every object that its rules match' };
    case 'apiservices.apiregistration.k8s.io':
      return { allowance: Allowance.Webhooks, what: 'it hands a part of the API over to a service' };
    case 'rolebindings.rbac.authorization.k8s.io':
    case 'clusterrolebindings.rbac.authorization.k8s.io':
      return bindsClusterAdmin(object) ? { allowance: Allowance.ClusterAdmin, what: 'it gives the rights of cluster-admin' } : undefined;
    case 'clusterroles.rbac.authorization.k8s.io':
      return listAt(object, 'rules').some(allowsEverything)
        ? { allowance: Allowance.ClusterAdmin, what: 'it allows every verb on every resource' }
        : undefined;
    case 'persistentvolumes':
      return foreignVolume(object, options);
    default: {
      const spec = podSpecOf(object, type);
      const right = spec === undefined ? undefined : hostRight(spec);
      return right === undefined ? undefined : { allowance: Allowance.Privileged, what: `its pods get ${right}` };
    }
  }
}

function bindsClusterAdmin(binding: JsonObject): boolean {
  return textAt(binding, 'roleRef', 'kind') === 'ClusterRole' && textAt(binding, 'roleRef', 'name') === 'cluster-admin';
}

function allowsEverything(rule: Json): boolean {
  return listAt(rule, 'verbs').includes('*') && listAt(rule, 'resources').includes('*') && listAt(rule, 'apiGroups').includes('*');
}

function foreignVolume(volume: JsonObject, { restoresNamespace }: GateOptions): Danger | undefined {
  const namespace = textAt(volume, 'spec', 'claimRef', 'namespace');
  if (namespace === '' || restoresNamespace(namespace)) return undefined;
  return { allowance: Allowance.ForeignVolumes, what: `it belongs to a claim in the namespace ${namespace}, which is not restored` };
}

/** Capabilities that are as good as root on the node. */
const HOST_CAPABILITIES: readonly Json[] = ['ALL', 'SYS_ADMIN', 'SYS_MODULE', 'CAP_SYS_ADMIN', 'CAP_SYS_MODULE'];

/** The first right over its node that a pod specification asks for. */
function hostRight(spec: JsonObject): string | undefined {
  const shared = ['hostNetwork', 'hostPID', 'hostIPC'].find((key) => field(spec, key) === true);
  if (shared !== undefined) return shared;
  if (listAt(spec, 'volumes').some((volume) => isObject(field(volume, 'hostPath')))) return 'a hostPath volume';
  if (isHostProcess(spec)) return 'a Windows host process';
  const containers = ['containers', 'initContainers'].flatMap((key) => listAt(spec, key));
  return containers.some(isPrivileged) ? 'a privileged container' : undefined;
}

function isPrivileged(container: Json): boolean {
  const added = listAt(container, 'securityContext', 'capabilities', 'add');
  return (
    field(container, 'securityContext', 'privileged') === true ||
    added.some((capability) => HOST_CAPABILITIES.includes(capability)) ||
    isHostProcess(container)
  );
}

function isHostProcess(holder: Json): boolean {
  return field(objectAt(holder, 'securityContext', 'windowsOptions'), 'hostProcess') === true;
}
