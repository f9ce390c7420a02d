import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** How to reach one place that keeps charts. Its secrets go into headers and nowhere else. */
export interface RepositorySettings {
  readonly name: string;
  /** `http(s)://` for a ChartMuseum, `oci://` for a registry. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Sent as it is: `Bearer`. */
  readonly token?: string;
  /** PEM. */
  readonly ca?: string;
  /** Certificates are not checked. */
  readonly insecure?: boolean;
  /** A registry without TLS. */
  readonly plainHttp?: boolean;
  /** Below which path of the server a ChartMuseum's API is: its `--context-path`. */
  readonly contextPath?: string;
  /** Charts that are there with other bytes are replaced. */
  readonly force?: boolean;
  /** Milliseconds before the second attempt; each further one waits twice as long. */
  readonly retryAfterMs?: number;
}

export interface RepositoryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly signal: AbortSignal;
}

export interface RepositoryAnswer {
  readonly status: number;
  readonly header: (name: string) => string;
  readonly body: Buffer;
}

const ATTEMPTS = 5;
const RETRY_AFTER_MS = 500;
const TIMEOUT_MS = 60_000;
/** What Node calls a certificate of which it does not know who vouches for it, or for whom. */
const UNTRUSTED = /CERT|SIGNATURE|ALTNAME/;
/** Answers are small documents; a chart is 20 MB where it is large. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** HTTP to one place: its certificates, and retries of what may be tried again. All that is sent through it may be sent twice. */
export class RepositoryClient {
  readonly settings: RepositorySettings;
  readonly #dispatcher: Agent;

  constructor(settings: RepositorySettings) {
    this.settings = settings;
    const { ca, insecure = false } = settings;
    this.#dispatcher = new Agent({
      connect: { rejectUnauthorized: !insecure, ...(ca === undefined ? {} : { ca }) },
      keepAliveTimeout: 1_000,
    });
  }

  /** Every status is an answer; 429 and 5xx only after the last attempt. `Unavailable` when there is no answer at all. */
  async send(sent: RepositoryRequest): Promise<RepositoryAnswer> {
    const { retryAfterMs = RETRY_AFTER_MS } = this.settings;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(sent);
      const isLast = attempt === ATTEMPTS;
      if ('answer' in outcome) {
        if (isLast || !mayPass(outcome.answer.status)) return outcome.answer;
      } else if (isLast) throw this.failure(FailureType.Unavailable, `does not answer (${outcome.lost})`);
      await sleep(retryAfterMs * 2 ** (attempt - 1), undefined, { signal: sent.signal });
    }
  }

  /** One line that names the place. */
  failure(type: FailureType, problem: string): HoldfastError {
    const advice =
      type === FailureType.Forbidden
        ? 'look at its username, password or token in `chartRepositories` of the configuration'
        : 'look at the server and its entry in `chartRepositories` of the configuration, and run it again';
    return new HoldfastError(type, `chart repository "${this.settings.name}" ${problem}`, { advice });
  }

  /** What an answer that nobody wanted means. */
  refusal(doing: string, { status, body }: RepositoryAnswer): HoldfastError {
    if (status === 401 || status === 403) return this.failure(FailureType.Forbidden, `refuses ${doing} (${status})`);
    const type = mayPass(status) ? FailureType.Unavailable : FailureType.BadInput;
    return this.failure(type, `answers ${status} to ${doing}${said(body)}`);
  }

  async #attempt({ method, url, headers = {}, body, signal }: RepositoryRequest): Promise<{ answer: RepositoryAnswer } | { lost: string }> {
    try {
      const answer = await request(url, {
        method,
        headers,
        body: body ?? null,
        dispatcher: this.#dispatcher,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const received = await wholeBody(answer.body);
      const header = (name: string): string => [answer.headers[name] ?? ''].flat()[0] ?? '';
      return { answer: { status: answer.statusCode, header, body: received } };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HoldfastError) throw error;
      const { code, name } = error as NodeJS.ErrnoException;
      if (!UNTRUSTED.test(code ?? '')) return { lost: code ?? name };
      throw new HoldfastError(
        FailureType.BadInput,
        `chart repository "${this.settings.name}" has a certificate that is not trusted (${code ?? ''})`,
        {
          advice: 'name the authority with its `caFile`',
          cause: error,
        },
      );
    }
  }
}

export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** A body as JSON; undefined when it is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function wholeBody(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new HoldfastError(FailureType.BadInput, 'a chart repository answers with more than 64 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function mayPass(status: number): boolean {
  return status === 429 || status >= 500;
}

/** The server's reason, as ChartMuseum and registries word it; other bodies are pages for people. */
function said(body: Buffer): string {
  const message = /"(?:error|message)"\s*:\s*"([^"]{1,200})"/.exec(body.toString('utf8'))?.[1];
  return message === undefined ? '' : `: ${message}`;
}
