import type { FileFate } from '../../contracts/git.ts';

/** Whose state a commit is: the cluster's name. */
export const CLUSTER_TRAILER = 'Holdfast-Cluster';
/** Another cluster, all of whose files in the branch belong to this one from here on. */
export const TAKES_OVER_TRAILER = 'Holdfast-Takes-Over';
/** Objects that a message names. */
const MOST_LINES = 500;

export interface NamedChange {
  readonly fate: FileFate;
  /** `Deployment`, or `deployments.apps` where only that is known. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface SyncFacts {
  readonly cluster: string;
  readonly revision: string;
  /** Name of the backup that the state is from; '' when it is what was live. */
  readonly backup: string;
  readonly changes: readonly NamedChange[];
  /** Clusters whose files are this one's from now on. */
  readonly takesOver: readonly string[];
}

/** What a commit of a sync says: how much, what, and in trailers where it is from. */
export function commitMessage({ cluster, revision, backup, changes, takesOver }: SyncFacts): string {
  const lines = [...changes].sort(byObject).map(lineOf);
  const rest = lines.length - MOST_LINES;
  const body = rest > 0 ? [...lines.slice(0, MOST_LINES), `and ${rest} more`] : lines;
  const taken = takesOver.length === 0 ? [] : [`takes over from ${takesOver.map(oneLine).join(', ')}`];
  const done = [...(changes.length === 0 ? [] : [countsText(changes)]), ...taken].join('; ');
  const trailers = [
    `${CLUSTER_TRAILER}: ${clusterText(cluster)}`,
    ...takesOver.map((other) => `${TAKES_OVER_TRAILER}: ${clusterText(other)}`),
    `Holdfast-Revision: ${oneLine(revision)}`,
    ...(backup === '' ? [] : [`Holdfast-Backup: ${oneLine(backup)}`]),
  ];
  const told = body.length === 0 ? '' : `${body.join('\n')}\n\n`;
  return `sync ${clusterText(cluster)}: ${done}\n\n${told}${trailers.join('\n')}\n`;
}

/** The name of a cluster as trailers have it. */
export function clusterText(cluster: string): string {
  return oneLine(cluster).trim();
}

/** How many of each. */
export function countFates(changes: readonly Pick<NamedChange, 'fate'>[]): Readonly<Record<FileFate, number>> {
  const counts: Record<FileFate, number> = { created: 0, changed: 0, deleted: 0 };
  for (const { fate } of changes) counts[fate] += 1;
  return counts;
}

function countsText(changes: readonly NamedChange[]): string {
  return Object.entries(countFates(changes))
    .filter(([, count]) => count > 0)
    .map(([fate, count]) => `${count} ${fate}`)
    .join(', ');
}

function lineOf({ fate, kind, namespace, name }: NamedChange): string {
  return oneLine(`${fate} ${kind} ${namespace === '' ? name : `${namespace}/${name}`}`);
}

function byObject(a: NamedChange, b: NamedChange): number {
  const key = ({ namespace, kind, name }: NamedChange): string => `${namespace}\n${kind}\n${name}`;
  return key(a) < key(b) ? -1 : 1;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
