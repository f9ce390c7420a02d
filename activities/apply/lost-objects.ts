import type { HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ObjectId, ResourceType } from '../../contracts/resource.ts';
import { apiVersionOf } from '../../domain/resource/identity.ts';
import type { OrderedSegment } from '../../domain/resource/order.ts';
import type { CapturedObject } from './restore-session.ts';

/** Stands for one object of a segment that cannot be read. */
export interface LostObject {
  readonly run: LostRun;
  /** The first of its run: reports name the run once. */
  readonly first: boolean;
}

export function isLost(item: CapturedObject | LostObject): item is LostObject {
  return 'run' in item;
}

/** Those that could be read. */
export function capturedOf(items: readonly (CapturedObject | LostObject)[]): readonly CapturedObject[] {
  return items.filter((item): item is CapturedObject => !isLost(item));
}

/** The objects of one segment that is damaged or gone: their kind, namespace and number are known, their names are not. */
export class LostRun {
  readonly type: ResourceType;
  readonly #segment: OrderedSegment;
  readonly #damage: HoldfastError;

  constructor(segment: OrderedSegment, damage: HoldfastError) {
    this.type = segment.type;
    this.#segment = segment;
    this.#damage = damage;
  }

  get objects(): readonly LostObject[] {
    return Array.from({ length: this.#segment.count }, (_, index) => ({ run: this, first: index === 0 }));
  }

  /** The kind and namespace; the name is ''. */
  get objectId(): ObjectId {
    const { type, namespace } = this.#segment;
    return { apiVersion: apiVersionOf(type), kind: type.kind, namespace, name: '' };
  }

  get issue(): Issue {
    const { type, namespace, count } = this.#segment;
    const place = namespace === '' ? '' : ` of namespace ${namespace}`;
    return lossIssue(`${count} ${type.resource}${place}`, this.objectId, this.#damage);
  }
}

/** Says that something of the backup cannot be restored, and why. */
export function lossIssue(what: string, object: ObjectId, damage: HoldfastError): Issue {
  return {
    code: damage.type,
    message: `${what} cannot be restored: ${damage.message}`,
    object,
    advice: 'see what else is affected with `holdfast repository check --read-data`; bring the file back from a copy and restore again',
  };
}
