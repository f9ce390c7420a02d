import type { Issue } from '../../contracts/outcome.ts';
import { RestoreAction, type PlannedObject } from '../../contracts/restore.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { RawObject } from '../../kubernetes/port.ts';
import { planObject, type ObjectPlan } from '../../domain/plan/restore-plan.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { NAMESPACES } from '../capture/builtin-types.ts';
import { refOf } from '../apply/apply-object.ts';
import { chunks } from '../apply/chunks.ts';
import { inFlight } from '../apply/in-flight.ts';
import { capturedOf, isLost } from '../apply/lost-objects.ts';
import { readItems, type CapturedObject, type RestoreSession } from '../apply/restore-session.ts';

const CHUNK = 250;
const WIDTH = 32;

/** What the restore would do, object by object, in restore order; `onLost` is told what of the backup cannot be read. Reads only. */
export async function* previewRestore(
  session: RestoreSession,
  signal: AbortSignal,
  onLost: (issue: Issue) => void = () => undefined,
): AsyncGenerator<PlannedObject> {
  session.errors.forEach(onLost);
  const live = new LiveObjects(session, signal);
  for await (const items of chunks(readItems(session.repository, session.ordered, signal), CHUNK)) {
    for (const { run, first } of items.filter(isLost)) if (first) onLost(run.issue);
    const objects = capturedOf(items);
    await session.owners.learn(
      objects.map(({ object }) => object),
      signal,
    );
    for (const planned of await inFlight(objects, WIDTH, (captured) => preview(captured, session, live))) {
      if (planned) yield planned;
    }
  }
}

async function preview(captured: CapturedObject, session: RestoreSession, live: LiveObjects): Promise<PlannedObject | undefined> {
  const request = { captured: captured.object, type: captured.type, context: session.context };
  const blind = planObject({ ...request, live: undefined });
  if (blind === undefined || blind.action === RestoreAction.Omit) return blind && asPlanned(captured, blind);
  const found = await live.get(refOf(captured, blind));
  return asPlanned(captured, planObject({ ...request, live: found?.object }) ?? blind);
}

function asPlanned({ object, wave }: CapturedObject, plan: ObjectPlan): PlannedObject {
  return {
    object: plan.object,
    sourceNamespace: textAt(object, 'metadata', 'namespace'),
    wave,
    action: plan.action,
    ...(plan.reason === undefined ? {} : { reason: plan.reason }),
    ...(plan.differs === undefined ? {} : { differs: plan.differs }),
  };
}

/** Live objects, without asking for any in a namespace that is not there. */
class LiveObjects {
  readonly #session: RestoreSession;
  readonly #signal: AbortSignal;
  readonly #namespaces = new Map<string, Promise<boolean>>();

  constructor(session: RestoreSession, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  async get(ref: ObjectRef): Promise<RawObject | undefined> {
    if (ref.namespace !== '' && !(await this.#namespaceExists(ref.namespace))) return undefined;
    return this.#session.cluster.get(ref, { signal: this.#signal });
  }

  #namespaceExists(name: string): Promise<boolean> {
    let exists = this.#namespaces.get(name);
    if (!exists) {
      exists = this.#session.cluster
        .get({ type: NAMESPACES, namespace: '', name }, { signal: this.#signal })
        .then((found) => found !== undefined);
      this.#namespaces.set(name, exists);
    }
    return exists;
  }
}
