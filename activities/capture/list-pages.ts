import type { CaptureCursor } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { RevisionGone, type Cluster, type ListPage, type RawObject } from '../../kubernetes/port.ts';

/** Objects of the first page: few, since nothing is known yet of their size. */
const FIRST_PAGE = 100;
const LARGEST_PAGE = 1_000;
/** Later pages aim at this many bytes, so that memory stays flat whether objects have 200 bytes or a megabyte. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** Lists whose first page is asked for ahead of its turn: most kinds have few objects, and their latency would add up. */
const LOOKAHEAD = 8;

/** A page of one list, and where to go on after it. */
export interface ReadPage {
  readonly type: ResourceType;
  readonly items: readonly RawObject[];
  readonly revision: string;
  /** Why the list had to leave the backup's revision; '' when it did not. */
  readonly fallbackReason: string;
  /** What is left to read after this page; undefined when nothing is. */
  readonly next: CaptureCursor | undefined;
}

/** A list that failed for good; the others are not affected. */
export interface FailedList {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly error: HoldfastError;
}

export interface PageRequest {
  readonly cursor: CaptureCursor;
  readonly revision: string;
  readonly labelSelector: string;
  readonly signal: AbortSignal;
  /** Decides whether a failed list is given up (it is reported) or ends the whole reading (by throwing). */
  readonly giveUp: (error: HoldfastError) => Promise<boolean>;
}

interface List {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly start: CaptureCursor;
}

interface Fetched {
  readonly page: ListPage;
  readonly reason: string;
}

/** Reads what a cursor stands for, page by page, in order, with the next page already under way. Stops everything when the caller stops. */
export async function* readPages(cluster: Cluster, request: PageRequest): AsyncGenerator<ReadPage | FailedList> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const lists = listsOf(request.cursor);
  const firstPages = lists.map((): Promise<Fetched> | undefined => undefined);
  try {
    for (const [index, list] of lists.entries()) {
      for (const [offset, ahead] of lists.slice(index, index + LOOKAHEAD).entries()) {
        firstPages[index + offset] ??= quietly(
          fetchPage(cluster, { list: ahead, request, signal, token: ahead.start.continueToken, limit: FIRST_PAGE }),
        );
      }
      const first = firstPages[index];
      if (first) yield* pagesOf(cluster, { list, request, signal, first, after: lists[index + 1]?.start });
      firstPages[index] = undefined;
    }
  } finally {
    stop.abort();
  }
}

interface Reading {
  readonly list: List;
  readonly request: PageRequest;
  readonly signal: AbortSignal;
  readonly first: Promise<Fetched>;
  readonly after: CaptureCursor | undefined;
}

async function* pagesOf(cluster: Cluster, reading: Reading): AsyncGenerator<ReadPage | FailedList> {
  const { list, request, signal, after } = reading;
  let pending: Promise<Fetched> | undefined = reading.first;
  while (pending) {
    let fetched: Fetched;
    try {
      fetched = await pending;
    } catch (error) {
      if (!(error instanceof HoldfastError) || signal.aborted || !(await request.giveUp(error))) throw error;
      yield { type: list.type, namespace: list.namespace, error };
      return;
    }
    const { page, reason } = fetched;
    const rest: List = { ...list, start: { ...list.start, continueToken: page.continueToken, fallbackReason: reason } };
    pending =
      page.continueToken === ''
        ? undefined
        : quietly(fetchPage(cluster, { list: rest, request, signal, token: page.continueToken, limit: nextLimit(page) }));
    yield {
      type: list.type,
      items: page.items,
      revision: page.revision,
      fallbackReason: reason,
      next: page.continueToken === '' ? after : rest.start,
    };
  }
}

interface Fetch {
  readonly list: List;
  readonly request: PageRequest;
  readonly signal: AbortSignal;
  readonly token: string;
  readonly limit: number;
}

/** One page at the backup's revision; where the server cannot, at a later one with the reason. */
async function fetchPage(cluster: Cluster, { list, request, signal, token, limit }: Fetch): Promise<Fetched> {
  const reason = list.start.fallbackReason;
  const { type, namespace } = list;
  const base = { type, namespace, labelSelector: request.labelSelector, limit };
  try {
    const exactRevision = reason === '' ? request.revision : '';
    return { page: await cluster.listPage({ ...base, exactRevision, continueToken: token }, { signal }), reason };
  } catch (error) {
    if (!(error instanceof RevisionGone)) throw error;
    if (token !== '' && error.continueToken === '') {
      throw new HoldfastError(FailureType.Conflict, `the list of ${type.resource} expired in the middle (${error.message})`, {
        advice: 'run the backup again',
        cause: error,
      });
    }
    const page = await cluster.listPage({ ...base, exactRevision: '', continueToken: error.continueToken }, { signal });
    return { page, reason: error.message };
  }
}

function listsOf(cursor: CaptureCursor): readonly List[] {
  return cursor.types.flatMap((type, index) => {
    const types = cursor.types.slice(index);
    const from = index === 0 ? cursor.namespaceIndex : 0;
    return cursor.listNamespaces.slice(from).map((namespace, offset) => {
      const begun = index === 0 && offset === 0;
      const start: CaptureCursor = {
        types,
        listNamespaces: cursor.listNamespaces,
        namespaceIndex: from + offset,
        continueToken: begun ? cursor.continueToken : '',
        fallbackReason: begun ? cursor.fallbackReason : '',
      };
      return { type, namespace, start };
    });
  });
}

function nextLimit(page: ListPage): number {
  const bytes = page.items.reduce((sum, item) => sum + item.bytes.length, 0);
  const average = bytes / Math.max(1, page.items.length);
  return Math.max(10, Math.min(LARGEST_PAGE, Math.floor(PAGE_BYTES / Math.max(1, average))));
}

/** A page fetched ahead may fail before anybody waits for it; the failure is met when its turn comes. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
