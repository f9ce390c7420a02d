import type { ObjectRef, ResourceType } from '../contracts/resource.ts';

/** Query parameters; those with the value '' are left out. */
export type Query = Readonly<Record<string, string>>;

/** Path of a collection: of one namespace, or of the whole cluster when `namespace` is ''. */
export function collectionPath(type: ResourceType, namespace: string): string {
  const root = type.group === '' ? '/api' : `/apis/${encodeURIComponent(type.group)}`;
  const scope = type.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}/${encodeURIComponent(type.version)}${scope}/${encodeURIComponent(type.resource)}`;
}

/** Path of one object. */
export function objectPath(ref: ObjectRef, subresource = ''): string {
  const path = `${collectionPath(ref.type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === '' ? path : `${path}/${subresource}`;
}

export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
