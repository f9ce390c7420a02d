import type { Json, JsonObject } from '../../contracts/json.ts';
import { field, isList, isObject, listAt, objectAt, textAt } from './fields.ts';

/** Names, sorted, each once. */
interface RelatedBindings {
  readonly clusterRoleBindings: readonly string[];
  readonly clusterRoles: readonly string[];
}

/**
 * The ClusterRoleBindings that give rights to captured service accounts (`namespace/name`), by name or by their namespace's group, and the
 * ClusterRoles behind those bindings and behind `clusterRoles`, with the roles that these aggregate. The global groups
 * (`system:serviceaccounts`, `system:authenticated`) are no tie to a namespace.
 */
export function relatedBindings(
  captured: { readonly serviceAccounts: readonly string[]; readonly clusterRoles: readonly string[] },
  bindings: Iterable<JsonObject>,
  roles: Iterable<JsonObject>,
): RelatedBindings {
  const accounts = new Set(captured.serviceAccounts);
  const groups = new Set(captured.serviceAccounts.map((account) => `system:serviceaccounts:${account.slice(0, account.indexOf('/'))}`));
  const related = [...bindings].filter((binding) => listAt(binding, 'subjects').some((subject) => isSubject(subject, accounts, groups)));
  const bound = related
    .filter((binding) => textAt(binding, 'roleRef', 'kind') === 'ClusterRole')
    .map((binding) => textAt(binding, 'roleRef', 'name'));
  return {
    clusterRoleBindings: sortedNames(related.map((binding) => textAt(binding, 'metadata', 'name'))),
    clusterRoles: sortedNames(withAggregated([...captured.clusterRoles, ...bound], [...roles])),
  };
}

function isSubject(subject: Json, accounts: ReadonlySet<string>, groups: ReadonlySet<string>): boolean {
  const name = textAt(subject, 'name');
  switch (textAt(subject, 'kind')) {
    case 'ServiceAccount':
      return accounts.has(`${textAt(subject, 'namespace')}/${name}`);
    case 'Group':
      return groups.has(name);
    case 'User':
      return accounts.has(name.replace(/^system:serviceaccount:([^:]+):/, '$1/'));
    default:
      return false;
  }
}

/** The named roles that exist, and those that they aggregate, to any depth. */
function withAggregated(names: readonly string[], roles: readonly JsonObject[]): ReadonlySet<string> {
  const byName = new Map(roles.map((role) => [textAt(role, 'metadata', 'name'), role]));
  const found = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const role = byName.get(name);
    if (role === undefined || found.has(name)) continue;
    found.add(name);
    const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors').filter(isObject);
    for (const other of roles) if (selectors.some((selector) => selects(selector, other))) open.push(textAt(other, 'metadata', 'name'));
  }
  return found;
}

/** A structured LabelSelector (matchLabels and matchExpressions) on a role's labels. */
function selects(selector: JsonObject, role: JsonObject): boolean {
  const labels = objectAt(role, 'metadata', 'labels');
  const matchLabels = Object.entries(objectAt(selector, 'matchLabels')).every(([key, value]) => field(labels, key) === value);
  return matchLabels && listAt(selector, 'matchExpressions').every((expression) => satisfies(labels, expression));
}

function satisfies(labels: JsonObject, expression: Json): boolean {
  const value = field(labels, textAt(expression, 'key'));
  const values = field(expression, 'values');
  const listed = isList(values) && value !== undefined && values.includes(value);
  switch (textAt(expression, 'operator')) {
    case 'In':
      return listed;
    case 'NotIn':
      return !listed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

function sortedNames(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].sort();
}
