import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Cluster } from '../../kubernetes/port.ts';

const PAGE = 500;

interface ListAllRequest {
  readonly type: ResourceType;
  /** Absent: the whole cluster. */
  readonly namespace?: string;
  /** Absent: all of them. */
  readonly labelSelector?: string;
}

/** Every object of a kind as it is now. For kinds of which a cluster has thousands at most. */
export async function listAll(
  cluster: Cluster,
  { type, namespace = '', labelSelector = '' }: ListAllRequest,
  signal?: AbortSignal,
): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = [];
  let continueToken = '';
  do {
    const page = await cluster.listPage(
      { type, namespace, labelSelector, limit: PAGE, exactRevision: '', continueToken },
      signal ? { signal } : {},
    );
    found.push(...page.items.map(({ object }) => object));
    ({ continueToken } = page);
  } while (continueToken !== '');
  return found;
}
