import { StringDecoder } from 'node:string_decoder';
import { HoldfastError } from '../contracts/failures.ts';
import { LostAnswer } from './exchange.ts';
import { lostFailure, refusedFailure } from './failures.ts';
import type { HttpClient } from './http-client.ts';
import { subjectOf } from './operation.ts';
import { objectPath, withQuery } from './paths.ts';
import { firstContainer, podRef } from './pods.ts';
import type { CallOptions, LogsRequest } from './port.ts';

/** A longer line is given in pieces of this many characters: a container that never ends its line must not fill the memory. */
const LONGEST_LINE = 1024 * 1024;

/** See `Cluster.logs`. */
export async function* logs(client: HttpClient, cluster: string, request: LogsRequest & CallOptions): AsyncGenerator<string> {
  const pod = podRef(request);
  const operation = { verb: 'read the log of', subject: subjectOf(pod), cluster };
  const container = request.container === '' ? await firstContainer(client, pod, { operation, signal: request.signal }) : request.container;
  const path = withQuery(objectPath(pod, 'log'), {
    container,
    follow: request.follow ? 'true' : '',
    sinceTime: request.sinceTime ?? '',
    tailLines: request.tailLines === undefined ? '' : String(request.tailLines),
  });
  // A caller that stops reading ends the request: its body is destroyed with the loop.
  try {
    const answer = await client.stream({ method: 'GET', path, accept: '*/*', operation, signal: request.signal });
    if (answer.status !== 200) {
      throw refusedFailure(operation, { status: answer.status, headers: {}, body: Buffer.from(await answer.body.arrayBuffer()) });
    }
    yield* linesOf(answer.body);
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof HoldfastError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw lostFailure(operation, new LostAnswer(message, { sent: true, timedOut: false, cause: error }));
  }
}

/** Every line, empty ones and an unended last one too. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield* pieces(line);
    if (rest.length <= LONGEST_LINE) continue;
    const [first = '', ...more] = pieces(rest);
    yield first;
    rest = more.join('');
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}

function pieces(line: string): string[] {
  if (line.length <= LONGEST_LINE) return [line];
  return Array.from({ length: Math.ceil(line.length / LONGEST_LINE) }, (_, index) =>
    line.slice(index * LONGEST_LINE, (index + 1) * LONGEST_LINE),
  );
}
