import type { CaptureCursor, CaptureInput, CaptureResult } from '../../contracts/activities.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { apiVersionOf } from '../../domain/resource/identity.ts';
import { acceptObject, compileSelection } from '../../domain/selection/matcher.ts';
import { Verdict } from '../../domain/selection/verdict.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { concernsItselfOnly } from '../give-up.ts';
import type { Pulse } from '../heartbeat.ts';
import { Collector } from './collector.ts';
import { readPages, type FailedList, type ReadPage } from './list-pages.ts';

/** A batch ends with the page that reaches one of these: what a crash makes Holdfast read again. */
const BATCH = { objects: 2_500, bytes: 24 * 1024 * 1024 } as const;

export interface CaptureWork {
  readonly cluster: Cluster;
  readonly repository: Repository;
  readonly input: CaptureInput;
  readonly pulse: Pulse;
}

/** Lists from the cursor on, keeps what the selection takes, and stores it as one batch. */
export async function captureResources({ cluster, repository, input, pulse }: CaptureWork): Promise<CaptureResult> {
  const { selection } = input;
  const matcher = compileSelection(selection, { types: input.cursor.types });
  const collector = new Collector(repository.startBatch());
  const notes = new Notes();
  let next: CaptureCursor | undefined;
  const pages = readPages(cluster, {
    cursor: input.cursor,
    revision: input.revision,
    labelSelector: selection.labelSelector,
    signal: pulse.signal,
    giveUp: (error) => concernsItselfOnly(cluster, error, pulse.signal),
  });
  for await (const page of pages) {
    pulse.beat();
    if ('error' in page) {
      notes.failed(page);
      continue;
    }
    notes.fallback(page);
    const taken = page.items.filter((item) => notes.takes(acceptObject(matcher, item.object, page.type), page.type));
    await collector.add(page, taken);
    next = page.next;
    if (next !== undefined && (collector.objects >= BATCH.objects || collector.bytes >= BATCH.bytes)) break;
    next = undefined;
  }
  const result = await collector.finish(notes.issues(), pulse.signal);
  return next === undefined ? result : { ...result, next };
}

/** What a person should know about the batch, one line for each kind and matter. */
class Notes {
  readonly #errors: Issue[] = [];
  readonly #beingDeleted = new Map<ResourceType, number>();
  readonly #fallbacks = new Map<ResourceType, string>();

  takes(verdict: Verdict, type: ResourceType): boolean {
    if (verdict === Verdict.BeingDeleted) this.#beingDeleted.set(type, (this.#beingDeleted.get(type) ?? 0) + 1);
    return verdict === Verdict.Taken;
  }

  fallback({ type, fallbackReason }: ReadPage): void {
    if (fallbackReason !== '') this.#fallbacks.set(type, fallbackReason);
  }

  failed({ type, namespace, error }: FailedList): void {
    const object = { apiVersion: apiVersionOf(type), kind: type.kind, namespace, name: '' };
    this.#errors.push({ code: error.type, message: error.message, object, ...(error.advice === '' ? {} : { advice: error.advice }) });
  }

  issues(): { readonly warnings: readonly Issue[]; readonly errors: readonly Issue[] } {
    const fallbacks = [...this.#fallbacks].map(([type, reason]) =>
      issue('RevisionFallback', type, `${type.resource} are not of the backup's revision: ${reason}`),
    );
    const deleted = [...this.#beingDeleted].map(([type, count]) =>
      issue('BeingDeleted', type, `${count} ${type.resource} are being deleted and were left out`),
    );
    return { warnings: [...fallbacks, ...deleted], errors: this.#errors };
  }
}

function issue(code: string, type: ResourceType, message: string): Issue {
  return { code, message, object: { apiVersion: apiVersionOf(type), kind: type.kind, namespace: '', name: '' } };
}
