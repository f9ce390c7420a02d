/**
 * Which objects a backup or a restore takes. Empty lists mean "everything". Names and meanings follow Velero's flags.
 * Namespaces: globs (`*`, `?`, `[abc]`, `{a,b}`). Resources: plural, singular, short name or kind, with or without `.group`; globs too.
 */
export interface Selection {
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  readonly includedResources: readonly string[];
  readonly excludedResources: readonly string[];
  /** Kubernetes label selector (`app=web,tier in (a,b),!canary`). Exclusive of `orLabelSelectors`. */
  readonly labelSelector: string;
  /** An object is taken when any of these selects it. */
  readonly orLabelSelectors: readonly string[];
  /** `auto`: all of them when no namespace is named, otherwise those that the selected objects need. */
  readonly clusterResources: ClusterResources;
  /** Single objects: `kind[.group]/name` or `namespace/kind[.group]/name`. Empty: no restriction. */
  readonly objects: readonly string[];
}

export const ClusterResources = { Auto: 'auto', Include: 'include', Exclude: 'exclude' } as const;
export type ClusterResources = (typeof ClusterResources)[keyof typeof ClusterResources];

/** Either of these labels with the value `true` keeps an object out of every backup. */
export const EXCLUDE_LABELS = ['holdfast.dev/exclude-from-backup', 'velero.io/exclude-from-backup'] as const;

/** The selection that takes everything. */
export const SELECT_ALL: Selection = {
  includedNamespaces: [],
  excludedNamespaces: [],
  includedResources: [],
  excludedResources: [],
  labelSelector: '',
  orLabelSelectors: [],
  clusterResources: 'auto',
  objects: [],
};
