import { createHash } from 'node:crypto';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { RestoreAction } from '../../contracts/restore.ts';
import { stringifyLossless } from '../../domain/json/lossless.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { planObject } from '../../domain/plan/restore-plan.ts';
import { comparable } from '../../domain/resource/compare.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { ownersOf } from '../../domain/resource/ownership.ts';
import type { OrderedSegment } from '../../domain/resource/order.ts';
import type { Pulse } from '../heartbeat.ts';
import { readObjects, type RestoreSession } from '../apply/restore-session.ts';

const PAGE = 500;

/**
 * The names of those objects of one kind and namespace whose live form is the captured one, found with one paged list. Only digests are
 * kept in memory. Whatever does not match here is for the caller to look at closely: this may miss an equality, never claim a wrong one.
 */
export async function matchByList(session: RestoreSession, segments: readonly OrderedSegment[], pulse: Pulse): Promise<Set<string>> {
  const matched = new Set<string>();
  const [first] = segments;
  if (!first) return matched;
  const wanted = await capturedDigests(session, segments, pulse);
  const namespace = mapNamespace(session.context.options.namespaceMapping, first.namespace);
  let continueToken = '';
  do {
    const request = { type: first.type, namespace, labelSelector: '', limit: PAGE, exactRevision: '', continueToken };
    const page = await session.cluster.listPage(request, { signal: pulse.signal });
    for (const { object } of page.items) {
      const name = textAt(object, 'metadata', 'name');
      // Owners are compared by name with the help of others: the caller does that.
      if (ownersOf(object).length === 0 && wanted.get(name) === digest(object, first.type, session)) matched.add(name);
    }
    ({ continueToken } = page);
    pulse.beat();
  } while (continueToken !== '');
  return matched;
}

async function capturedDigests(session: RestoreSession, segments: readonly OrderedSegment[], pulse: Pulse): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for await (const objects of readObjects(session.repository, segments, pulse.signal)) {
    for (const { object, type } of objects) {
      if (ownersOf(object).length > 0) continue;
      const plan = planObject({ captured: object, type, live: undefined, context: session.context });
      if (plan?.action !== RestoreAction.Create || plan.desired === undefined) continue;
      digests.set(textAt(object, 'metadata', 'name'), digest(plan.desired, type, session));
    }
    pulse.beat();
  }
  return digests;
}

function digest(object: JsonObject, type: ResourceType, { context }: RestoreSession): string {
  const form = comparable(object, { type, preserveNodePorts: context.options.preserveNodePorts }, []);
  return createHash('sha256').update(stringifyLossless(form)).digest('base64');
}
