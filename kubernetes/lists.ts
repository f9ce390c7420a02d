import { refusedFailure, readRefusal } from './failures.ts';
import type { WireAnswer } from './exchange.ts';
import type { HttpClient } from './http-client.ts';
import { splitList } from './list-splitter.ts';
import { subjectOf } from './operation.ts';
import { collectionPath, withQuery } from './paths.ts';
import { RevisionGone, type CallOptions, type ListPage, type ListRequest } from './port.ts';

/** Reads one page of a list; see `Cluster.listPage`. Rejects with `RevisionGone` when the server cannot list at the wanted revision. */
export async function listPage(client: HttpClient, cluster: string, request: ListRequest & CallOptions): Promise<ListPage> {
  const { type, namespace, exactRevision, continueToken } = request;
  const operation = { verb: 'list', subject: subjectOf({ type, namespace }), cluster };
  const exact = continueToken === '' && exactRevision !== '' ? { resourceVersion: exactRevision, resourceVersionMatch: 'Exact' } : {};
  const path = withQuery(collectionPath(type, namespace), {
    limit: String(request.limit),
    labelSelector: request.labelSelector,
    continue: continueToken,
    ...exact,
  });
  const answer = await client.send({ method: 'GET', path, operation, signal: request.signal });
  if (answer.status !== 200) {
    throw goneFrom(answer, exactRevision !== '' && continueToken === '') ?? refusedFailure(operation, answer);
  }
  const list = splitList(answer.body);
  // An aggregated API may ignore the wish; its list is then of another moment, and the caller must know.
  if (exactRevision !== '' && list.resourceVersion !== exactRevision) {
    throw new RevisionGone(`${type.resource}: the server does not list at a given revision`);
  }
  return { revision: list.resourceVersion, continueToken: list.continueToken, items: list.items };
}

function goneFrom(answer: WireAnswer, exact: boolean): RevisionGone | undefined {
  const refusal = readRefusal(answer);
  if (answer.status === 410) return new RevisionGone(refusal.message, refusal.continueToken);
  const refused = answer.status === 400 || answer.status === 422;
  if (exact && refused && /resource ?version/i.test(refusal.message)) return new RevisionGone(refusal.message);
  return undefined;
}
