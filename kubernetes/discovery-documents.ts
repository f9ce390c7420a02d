import type { Json, JsonObject } from '../contracts/json.ts';
import type { DiscoveredType } from '../contracts/resource.ts';
import { field, listAt, textAt } from '../domain/resource/fields.ts';
import type { Discovery } from './port.ts';

/** One version of one group with the kinds that it serves, subresources left out. */
export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  /** Why it cannot be used; '' when it can. */
  readonly unavailable: string;
  readonly types: readonly DiscoveredType[];
}

/** Reads an aggregated discovery document (`APIGroupDiscoveryList`). The versions of a group come in the server's order of preference. */
export function readAggregated(document: JsonObject): readonly ServedVersion[] {
  return listAt(document, 'items').flatMap((item) => {
    const group = textAt(item, 'metadata', 'name');
    return listAt(item, 'versions').map((served): ServedVersion => {
      const version = textAt(served, 'version');
      const stale = textAt(served, 'freshness') === 'Stale';
      return {
        group,
        version,
        unavailable: stale ? 'its API server does not answer' : '',
        types: stale ? [] : listAt(served, 'resources').flatMap((resource) => aggregatedType({ group, version }, resource)),
      };
    });
  });
}

/** Reads an `APIResourceList`, the answer of one group and version before aggregated discovery. */
export function readResourceList(
  groupVersion: { readonly group: string; readonly version: string },
  document: JsonObject,
): readonly DiscoveredType[] {
  return listAt(document, 'resources')
    .filter((resource) => !textAt(resource, 'name').includes('/'))
    .map((resource) => ({
      ...groupVersion,
      kind: textAt(resource, 'kind'),
      resource: textAt(resource, 'name'),
      namespaced: field(resource, 'namespaced') === true,
      ...vocabulary(resource, 'singularName'),
    }));
}

/** Each kind once, in the version that the server prefers among those that serve it. */
export function preferredTypes(versions: readonly ServedVersion[]): Discovery {
  const types = new Map<string, DiscoveredType>();
  for (const type of versions.flatMap((served) => served.types)) {
    const key = `${type.group}/${type.resource}`;
    if (!types.has(key)) types.set(key, type);
  }
  const unavailable = versions
    .filter((served) => served.unavailable !== '')
    .map(({ group, version, unavailable: reason }) => ({ groupVersion: group === '' ? version : `${group}/${version}`, reason }));
  return { types: [...types.values()], unavailable };
}

/** A resource that stands there only for its subresources has no kind of its own. */
function aggregatedType(groupVersion: { readonly group: string; readonly version: string }, resource: Json): readonly DiscoveredType[] {
  const kind = textAt(resource, 'responseKind', 'kind');
  if (kind === '') return [];
  return [
    {
      ...groupVersion,
      kind,
      resource: textAt(resource, 'resource'),
      namespaced: textAt(resource, 'scope') === 'Namespaced',
      ...vocabulary(resource, 'singularResource'),
    },
  ];
}

function vocabulary(resource: Json, singular: string): Pick<DiscoveredType, 'singular' | 'shortNames' | 'categories' | 'verbs'> {
  const words = (key: string): readonly string[] => listAt(resource, key).filter((word) => typeof word === 'string');
  return { singular: textAt(resource, singular), shortNames: words('shortNames'), categories: words('categories'), verbs: words('verbs') };
}
