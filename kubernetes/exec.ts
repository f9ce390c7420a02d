import type { Duplex } from 'node:stream';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ObjectRef } from '../contracts/resource.ts';
import { openStreams } from './exec-handshake.ts';
import { readCommandEnd, type CommandEnd } from './exec-status.ts';
import { carryStreams, type StreamHandlers } from './exec-streams.ts';
import { OutputTail } from './exec-tail.ts';
import type { HttpClient } from './http-client.ts';
import { describe, subjectOf, type Operation } from './operation.ts';
import { objectPath } from './paths.ts';
import { firstContainer, podRef } from './pods.ts';
import type { CallOptions, ExecRequest, ExecResult } from './port.ts';

const KEPT_BYTES = 64 * 1024;

/** See `Cluster.exec`. */
export async function exec(
  client: HttpClient,
  cluster: string,
  request: ExecRequest & CallOptions & Pick<StreamHandlers, 'pingMs' | 'silenceMs'>,
): Promise<ExecResult> {
  const { signal } = request;
  signal?.throwIfAborted();
  const pod = podRef(request);
  const operation = { verb: 'run a command in', subject: subjectOf(pod), cluster };
  const container = request.container === '' ? await firstContainer(client, pod, { operation, signal }) : request.container;
  const streams = await openStreams(client, { path: execPath(pod, { ...request, container }), operation, signal });
  const stop = endWith(streams.socket, signal);
  const output = new Output(request);
  try {
    const ending = await carryStreams(streams, { ...request, ...output.handlers });
    if (ending === undefined) throw new Error('the connection closed before the command ended');
    return output.result(readCommandEnd(operation, ending));
  } catch (error) {
    signal?.throwIfAborted();
    output.throwCallersFailure();
    throw lost(operation, error);
  } finally {
    stop();
  }
}

/** What a command takes and gives, with the failures that are the caller's own: those must reach the caller as they are. */
class Output {
  readonly handlers: Pick<StreamHandlers, 'stdin' | 'onStdout' | 'onStderr'>;
  readonly #stdout = new OutputTail(KEPT_BYTES);
  readonly #stderr = new OutputTail(KEPT_BYTES);
  #failure: { readonly error: unknown } | undefined;

  constructor({ stdin, onStdout }: ExecRequest) {
    const take = (chunk: Buffer): void => {
      this.#stdout.add(chunk);
    };
    const onChunk = onStdout ?? take;
    this.handlers = {
      stdin: stdin && this.#noted(stdin),
      onStdout: async (chunk) => {
        try {
          await onChunk(chunk);
        } catch (error) {
          this.#failure = { error };
          throw error;
        }
      },
      onStderr: (chunk) => {
        this.#stderr.add(chunk);
      },
    };
  }

  result({ exitCode, message }: CommandEnd): ExecResult {
    return { exitCode, stdout: this.#stdout.text(), stderr: this.#stderr.text() || message };
  }

  throwCallersFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  async *#noted(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* input;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

/** Destroys a connection when the signal fires; the function that it gives ends that. */
function endWith(socket: Duplex, signal: AbortSignal | undefined): () => void {
  const abort = (): void => {
    socket.destroy();
  };
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  return () => {
    signal?.removeEventListener('abort', abort);
  };
}

function lost(operation: Operation, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new HoldfastError(FailureType.Unavailable, `${describe(operation)}: ${message}`, {
    advice: 'the command may have run: look before running it again',
    cause: error,
  });
}

function execPath(pod: ObjectRef, { container, command, stdin }: ExecRequest): string {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true', ...(stdin ? { stdin: 'true' } : {}) });
  for (const word of command) query.append('command', word);
  return `${objectPath(pod, 'exec')}?${query.toString()}`;
}
