import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CLAIMS } from '../capture/builtin-types.ts';
import { GROUP_LABEL } from './temporary.ts';

/** Takes the label by which a group was chosen from its claims. Done twice, or for claims that are gone, it does no harm. */
export async function unmarkClaims(
  cluster: Cluster,
  { namespace, claims }: { readonly namespace: string; readonly claims: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  for (const name of claims) {
    try {
      await cluster.patch(
        { type: CLAIMS, namespace, name },
        { metadata: { labels: { [GROUP_LABEL]: null } } },
        { fieldManager: 'holdfast', signal },
      );
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.type !== FailureType.NotFound) throw error;
    }
  }
}
