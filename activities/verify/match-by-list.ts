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
/** Up to this many namespaces are listed one by one; beyond, the whole cluster is. */
const LISTED_ONE_BY_ONE = 3;
/** A list is given up when it holds so many times the wanted objects: then asking for each is cheaper. */
const WORTHWHILE = 4;

/**
 * The objects (`namespace/name`, as they are in the cluster) of one kind whose live form is the captured one, found with paged lists. Only
 * digests are kept in memory. Whatever does not match here is for the caller to look at closely: this may miss an equality, never claim a
 * wrong one.
 */
export async function matchByList(session: RestoreSession, segments: readonly OrderedSegment[], pulse: Pulse): Promise<Set<string>> {
  const matched = new Set<string>();
  const [first] = segments;
  if (!first) return matched;
  const wanted = await capturedDigests(session, segments, pulse);
  const targets = [...new Set(segments.map((segment) => mapNamespace(session.context.options.namespaceMapping, segment.namespace)))];
  for (const namespace of targets.length > LISTED_ONE_BY_ONE ? [''] : targets) {
    for await (const object of liveObjects(session, { type: first.type, namespace, most: WORTHWHILE * wanted.size }, pulse)) {
      const digested = wanted.get(placeOf(object));
      // Owners are compared by name with the help of others: the caller does that.
      if (digested === undefined || ownersOf(object).length > 0) continue;
      if (digested === digest(object, first.type, session)) matched.add(placeOf(object));
    }
  }
  return matched;
}

interface Listing {
  readonly type: ResourceType;
  /** '' for the whole cluster. */
  readonly namespace: string;
  /** Ends with the page that reaches so many objects. */
  readonly most: number;
}

async function* liveObjects({ cluster }: RestoreSession, { type, namespace, most }: Listing, pulse: Pulse): AsyncGenerator<JsonObject> {
  let seen = 0;
  let continueToken = '';
  do {
    const request = { type, namespace, labelSelector: '', limit: PAGE, exactRevision: '', continueToken };
    const page = await cluster.listPage(request, { signal: pulse.signal });
    yield* page.items.map(({ object }) => object);
    ({ continueToken } = page);
    seen += page.items.length;
    pulse.beat();
  } while (continueToken !== '' && seen < most);
}

/** `namespace/name` of an object as it is, or will be, in the cluster. */
export function placeOf(object: JsonObject): string {
  return `${textAt(object, 'metadata', 'namespace')}/${textAt(object, 'metadata', 'name')}`;
}

async function capturedDigests(session: RestoreSession, segments: readonly OrderedSegment[], pulse: Pulse): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for await (const objects of readObjects(session.repository, segments, pulse.signal)) {
    for (const { object, type } of objects) {
      if (ownersOf(object).length > 0) continue;
      const plan = planObject({ captured: object, type, live: undefined, context: session.context });
      if (plan?.action !== RestoreAction.Create || plan.desired === undefined) continue;
      digests.set(placeOf(plan.desired), digest(plan.desired, type, session));
    }
    pulse.beat();
  }
  return digests;
}

function digest(object: JsonObject, type: ResourceType, { context }: RestoreSession): string {
  const form = comparable(object, { type, preserveNodePorts: context.options.preserveNodePorts }, []);
  return createHash('sha256').update(stringifyLossless(form)).digest('base64');
}
