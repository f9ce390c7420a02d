import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { CLUSTER_TRAILER, clusterText, TAKES_OVER_TRAILER } from '../../domain/git/commit-message.ts';
import { FileOwners } from '../../domain/git/file-owners.ts';
import type { GitClone, GitRemote } from '../../git/port.ts';

interface Claim {
  readonly remote: Pick<GitRemote, 'name'>;
  readonly branch: string;
  /** Its newest commit. */
  readonly head: string;
  readonly cluster: string;
  /** Files of that commit. */
  readonly paths: readonly string[];
  readonly takeOver: boolean;
}

/**
 * Sees to it that no sync touches what a sync of another cluster has written: `Conflict`. With `takeOver` the others' names are returned instead, for the
 * commit to say so. One walk back from the branch's end, as far as the oldest of the files' last commits.
 */
export async function claimFiles(clone: GitClone, { remote, branch, head, paths, ...claim }: Claim): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  const cluster = clusterText(claim.cluster);
  const owners = new FileOwners(paths);
  for await (const { trailers, paths: touched } of clone.walk(head)) {
    const valuesOf = (name: string): readonly string[] => trailers.filter(([key]) => key === name).map(([, value]) => value);
    const isMore = owners.see({
      cluster: valuesOf(CLUSTER_TRAILER).at(-1) ?? '',
      takesOver: valuesOf(TAKES_OVER_TRAILER),
      paths: touched,
    });
    if (!isMore) break;
  }
  const foreign = owners.ofOthers(cluster);
  const [first] = foreign;
  if (!first) return [];
  if (claim.takeOver) return [...new Set(foreign.map(([, other]) => other))].sort();
  const [path, other] = first;
  const more = foreign.length === 1 ? '' : `, and ${foreign.length - 1} more files`;
  throw new HoldfastError(
    FailureType.Conflict,
    `Git remote ${remote.name}: ${path} in branch ${branch} belongs to cluster "${other}", whose sync was the last to write it${more}`,
    {
      advice: `nothing was pushed: give each cluster a branch of its own, or, when "${cluster}" takes the place of "${other}", run \`holdfast git sync ${remote.name} --take-over\` once`,
    },
  );
}
