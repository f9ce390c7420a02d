import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { changeAt, changeEach, field, isList, textAt } from '../resource/fields.ts';
import { objectRef, resourceKey } from '../resource/identity.ts';

/** Old namespace to new namespace. */
type NamespaceMapping = Readonly<Record<string, string>>;

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** The API server puts it on every namespace with the namespace's name; policies and webhooks select by it. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Problems of a mapping, one line each. */
export function mappingProblems(mapping: NamespaceMapping): readonly string[] {
  const sources = new Map<string, string>();
  return Object.entries(mapping).flatMap(([from, to]) => {
    const wrong = [from, to].filter((name) => !DNS_LABEL.test(name));
    if (wrong.length > 0) return wrong.map((name) => `namespace mapping ${from}:${to}: "${name}" is no namespace name`);
    const other = sources.get(to);
    sources.set(to, from);
    return other === undefined ? [] : [`namespace mapping: ${other} and ${from} both go to ${to}: give each a target of its own`];
  });
}

export function mapNamespace(mapping: NamespaceMapping, namespace: string): string {
  return Object.hasOwn(mapping, namespace) ? (mapping[namespace] ?? namespace) : namespace;
}

/** Where a captured object will live. */
export function targetRef(captured: JsonObject, type: ResourceType, mapping: NamespaceMapping): ObjectRef {
  return objectRef(mapNamespaces(captured, type, mapping), type);
}

/** Maps the name of a namespace; what is no string stays. */
type Mapper = (namespace: Json) => Json;

/** How each kind that names namespaces beside its own is rewritten. */
const REFERENCES: ReadonlyMap<string, (object: JsonObject, map: Mapper) => JsonObject> = new Map([
  ['namespaces', mapNamespaceObject],
  ['persistentvolumes', (volume, map) => changeAt(volume, ['spec', 'claimRef', 'namespace'], map)],
  ['rolebindings.rbac.authorization.k8s.io', mapSubjects],
  ['clusterrolebindings.rbac.authorization.k8s.io', mapSubjects],
  ['mutatingwebhookconfigurations.admissionregistration.k8s.io', mapWebhooks],
  ['validatingwebhookconfigurations.admissionregistration.k8s.io', mapWebhooks],
  ['apiservices.apiregistration.k8s.io', (service, map) => changeAt(service, ['spec', 'service', 'namespace'], map)],
  [
    'customresourcedefinitions.apiextensions.k8s.io',
    (definition, map) => changeAt(definition, ['spec', 'conversion', 'webhook', 'clientConfig', 'service', 'namespace'], map),
  ],
  ['networkpolicies.networking.k8s.io', mapPolicyPeers],
]);

/**
 * The object with every namespace that it lives in or names replaced by its target. References inside custom resources are not known and
 * stay. Pure; with an empty mapping the same object comes back.
 */
export function mapNamespaces(object: JsonObject, type: ResourceType, mapping: NamespaceMapping): JsonObject {
  const map: Mapper = (namespace) => (typeof namespace === 'string' ? mapNamespace(mapping, namespace) : namespace);
  const moved = changeAt(object, ['metadata', 'namespace'], map);
  return REFERENCES.get(resourceKey(type))?.(moved, map) ?? moved;
}

function mapNamespaceObject(namespace: JsonObject, map: Mapper): JsonObject {
  const renamed = changeAt(namespace, ['metadata', 'name'], map);
  return changeAt(renamed, ['metadata', 'labels', NAME_LABEL], map);
}

const ACCOUNTS_GROUP = 'system:serviceaccounts:';

/** Service accounts, and the group of all service accounts of a namespace. */
function mapSubjects(binding: JsonObject, map: Mapper): JsonObject {
  return changeEach(binding, ['subjects'], (subject) => {
    const moved = changeAt(subject, ['namespace'], map);
    const name = textAt(subject, 'name');
    if (textAt(subject, 'kind') !== 'Group' || !name.startsWith(ACCOUNTS_GROUP)) return moved;
    const target = map(name.slice(ACCOUNTS_GROUP.length));
    return typeof target === 'string' ? { ...moved, name: ACCOUNTS_GROUP + target } : moved;
  });
}

function mapWebhooks(configuration: JsonObject, map: Mapper): JsonObject {
  return changeEach(configuration, ['webhooks'], (webhook) =>
    mapSelector(changeAt(webhook, ['clientConfig', 'service', 'namespace'], map), map),
  );
}

function mapPolicyPeers(policy: JsonObject, map: Mapper): JsonObject {
  const mapRules = (current: JsonObject, rules: string, peers: string): JsonObject =>
    changeEach(current, ['spec', rules], (rule) => changeEach(rule, [peers], (peer) => mapSelector(peer, map)));
  return mapRules(mapRules(policy, 'ingress', 'from'), 'egress', 'to');
}

/** A `namespaceSelector` that selects namespaces by their name. */
function mapSelector(object: JsonObject, map: Mapper): JsonObject {
  const labels = changeAt(object, ['namespaceSelector', 'matchLabels', NAME_LABEL], map);
  return changeEach(labels, ['namespaceSelector', 'matchExpressions'], (expression) =>
    field(expression, 'key') === NAME_LABEL
      ? changeAt(expression, ['values'], (values) => (isList(values) ? values.map(map) : values))
      : expression,
  );
}
