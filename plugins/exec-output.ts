import type { Cluster, ExecRequest, ExecResult } from '../kubernetes/port.ts';

/**
 * The output of a command as it comes; the command waits for whoever reads. Ends when the command has ended and `accept` takes its result;
 * rejects with what `accept` throws, and as `Cluster.exec` does. A reader that stops ends the connection.
 */
export async function* execOutput(
  cluster: Cluster,
  request: Omit<ExecRequest, 'onStdout'>,
  { signal, accept }: { readonly signal: AbortSignal; readonly accept: (result: ExecResult) => void },
): AsyncGenerator<Buffer> {
  const handoff = new Handoff();
  const stop = new AbortController();
  const command = cluster
    .exec({ ...request, onStdout: (chunk) => handoff.give(chunk) }, { signal: AbortSignal.any([signal, stop.signal]) })
    .then(accept)
    .then(
      () => {
        handoff.end();
      },
      (error: unknown) => {
        handoff.end({ error });
      },
    );
  try {
    for (let chunk = await handoff.take(); chunk; chunk = await handoff.take()) yield chunk;
    await command;
  } finally {
    stop.abort(new Error('nobody reads the output any more'));
    handoff.end();
  }
}

/** Hands over one piece at a time: the giver waits until its piece was taken. */
class Handoff {
  #offer: { readonly chunk: Buffer; readonly taken: () => void } | undefined;
  #wake: () => void = () => undefined;
  #end: { readonly error?: unknown } | undefined;

  give(chunk: Buffer): Promise<void> {
    if (this.#end) return Promise.resolve();
    return new Promise((resolve) => {
      this.#offer = { chunk, taken: resolve };
      this.#wake();
    });
  }

  async take(): Promise<Buffer | undefined> {
    for (;;) {
      const offer = this.#offer;
      if (offer) {
        this.#offer = undefined;
        offer.taken();
        return offer.chunk;
      }
      if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(how: { readonly error?: unknown } = {}): void {
    this.#end ??= how;
    this.#offer?.taken();
    this.#wake();
  }
}
