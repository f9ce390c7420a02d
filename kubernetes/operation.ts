import type { ObjectRef } from '../contracts/resource.ts';

/** What a request is about, for messages. */
export interface Operation {
  readonly verb: string;
  /** `deployments.apps default/web`, or a path. */
  readonly subject: string;
  /** The context that the user knows the cluster by. */
  readonly cluster: string;
}

/** `configmaps default/settings`, `deployments.apps default/*` for a list, `nodes node-1`. */
export function subjectOf({ type, namespace, name }: Omit<ObjectRef, 'name'> & { readonly name?: string }): string {
  const resource = type.group === '' ? type.resource : `${type.resource}.${type.group}`;
  const path = [namespace, name ?? (namespace === '' ? '' : '*')].filter((part) => part !== '').join('/');
  return path === '' ? resource : `${resource} ${path}`;
}

/** How a message begins. */
export function describe({ verb, subject, cluster }: Operation): string {
  return `cluster ${cluster}: cannot ${verb} ${subject}`;
}
