import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { describeTask } from '../task.ts';
import type { KeptIndex } from './documents.ts';
import type { ShardsNow } from './restored-shards.ts';

const BACKING = '.ds-';

/** What of a snapshot is restored into a cluster that may have some of it. */
export interface Choice {
  /** Indices and data streams to ask the server for, as the snapshot names them. */
  readonly wanted: readonly string[];
  /** Every index that is restored or was by an earlier attempt, under the name that it gets, with the documents that it must have. */
  readonly restored: readonly Pick<KeptIndex, 'name' | 'documents'>[];
  /** To be closed first. */
  readonly inTheWay: readonly string[];
  /** To be deleted first. */
  readonly streamsInTheWay: readonly string[];
  /** Templates, pipelines, settings and the server's own features, too. */
  readonly withState: boolean;
  /** Indices of the user's that are there and are left. */
  readonly left: readonly string[];
  /** The same of the server's. */
  readonly hidden: readonly string[];
}

interface Circumstances {
  readonly shards: ShardsNow;
  /** Indices of features of the server: they come with the state. */
  readonly system: ReadonlySet<string>;
  readonly inPlace: boolean;
  /** '' for the names that they had. */
  readonly rename: string;
}

/** Index names with what has happened to each. */
interface Sorted {
  readonly index: KeptIndex;
  readonly target: string;
  readonly fate: 'restore' | 'over' | 'begun' | 'left' | 'hidden';
}

/** Decides for each index of a snapshot. Pure. */
export function chooseIndices(kept: readonly KeptIndex[], circumstances: Circumstances): Choice {
  const { shards, system, inPlace, rename } = circumstances;
  const sorted = kept.filter(({ name }) => !system.has(name)).map((index) => sort(index, circumstances));
  const those = (...fates: readonly Sorted['fate'][]) => sorted.filter(({ fate }) => fates.includes(fate));
  const asked = those('restore', 'over').map(({ index }) => index.stream || index.name);
  const left = those('left').map(({ target }) => target);
  const isFirst = !those('begun').some(({ target }) => shards.fromSnapshot.has(target));
  return {
    wanted: [...new Set(asked)],
    restored: those('restore', 'over', 'begun').map(({ index, target }) => ({
      name: target,
      ...(index.documents === undefined ? {} : { documents: index.documents }),
    })),
    inTheWay: those('over').flatMap(({ index, target }) => (index.stream === '' ? [target] : [])),
    streamsInTheWay: [...new Set(those('over').flatMap(({ index }) => (index.stream === '' ? [] : [index.stream])))],
    // The state is the whole cluster's: only for one that has nothing of its own, or is given up.
    withState: rename === '' && isFirst && (inPlace || left.length === 0),
    left,
    hidden: those('hidden').map(({ target }) => target),
  };
}

/** The replacement for `(.+)`; '' for none. `BadInput` when names would fall together or are none. */
export function renameRule(task: QuiesceTask, rename: string): string {
  if (rename === '' || /^[a-z0-9][a-z0-9._-]*\$1[a-z0-9._-]*$/.test(rename)) return rename;
  throw new HoldfastError(FailureType.BadInput, `${describeTask(task)}: the option rename "${rename}" gives no names for indices`, {
    advice: 'write lower-case letters and digits before and after $1, which stands for the name: restored-$1',
  });
}

function sort(index: KeptIndex, { shards, inPlace, rename }: Circumstances): Sorted {
  const target = rename === '' ? index.name : renamed(index, rename);
  const fate = (): Sorted['fate'] => {
    if (!shards.present.has(target)) return 'restore';
    if (shards.unfinished.has(target)) return 'begun';
    if (index.stream === '' && target.startsWith('.')) return shards.fromSnapshot.has(target) ? 'begun' : 'hidden';
    if (inPlace) return 'over';
    return shards.fromSnapshot.has(target) ? 'begun' : 'left';
  };
  return { index, target, fate: fate() };
}

/** As the server does it: the backing index of a data stream keeps its prefix. */
function renamed({ name, stream }: KeptIndex, rename: string): string {
  const prefix = stream !== '' && name.startsWith(BACKING) ? BACKING : '';
  return `${prefix}${rename.replace('$1', () => name.slice(prefix.length))}`;
}
