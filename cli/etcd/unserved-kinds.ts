/** Names under which API servers keep kinds, where they are not the plural. */
const STORED_AS: Readonly<Record<string, string>> = {
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  ingresses: 'ingress',
};
/** What API servers keep for themselves, and serve to nobody. */
const OF_THEIR_OWN = ['ranges', 'masterleases', 'peerserverleases'];

interface Served {
  readonly resource: string;
  readonly group: string;
}

/** Which of the kinds in a store (plural and group, or the plural alone) an API server does not serve: kinds of old versions, and leftovers of removed definitions. */
export function unservedKinds(stored: readonly string[], served: readonly Served[]): readonly string[] {
  const known = new Set([
    ...OF_THEIR_OWN,
    ...served.flatMap(({ resource, group }) => [resource, `${resource}.${group}`, STORED_AS[resource] ?? resource]),
  ]);
  return stored.filter((kind) => !known.has(kind));
}
