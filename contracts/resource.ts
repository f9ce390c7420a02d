/** One kind as an API server serves it. The names are those of Kubernetes' own discovery documents. */
export interface ResourceType {
  /** '' for the core group. */
  readonly group: string;
  /** The version that Holdfast reads and writes: the server's preferred one. */
  readonly version: string;
  readonly kind: string;
  /** Plural, as in URLs: `deployments`. */
  readonly resource: string;
  readonly namespaced: boolean;
}

/** A kind with what only discovery knows about it. */
export interface DiscoveredType extends ResourceType {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

/** The address of one object. `namespace` is '' for cluster-scoped ones. */
export interface ObjectRef {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
}

/** What messages, plans and reports carry in place of an object: readable, plain JSON, never content. */
export interface ObjectId {
  /** `apps/v1` or `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}
