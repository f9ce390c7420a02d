import { z } from 'zod';
import { FailureType } from '../contracts/failures.ts';
import { basicAuthorization, jsonOf, type RepositoryClient } from './repository-client.ts';

const tokenDocument = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** How a registry wants to know who asks: it says so in a challenge, `Basic` or `Bearer` with a place that hands out tokens. */
export class RegistryAuth {
  readonly #client: RepositoryClient;
  #authorization: string | undefined;

  constructor(client: RepositoryClient) {
    this.#client = client;
    const { token } = client.settings;
    this.#authorization = token === undefined ? undefined : `Bearer ${token}`;
  }

  headers(): Readonly<Record<string, string>> {
    return this.#authorization === undefined ? {} : { authorization: this.#authorization };
  }

  /** Whether there is something new to answer the challenge with. */
  async accept(challenge: string, signal: AbortSignal): Promise<boolean> {
    const { username, password = '', token } = this.#client.settings;
    if (token !== undefined) return false;
    const basic = username === undefined ? undefined : basicAuthorization(username, password);
    const before = this.#authorization;
    if (/^bearer\s/i.test(challenge)) this.#authorization = `Bearer ${await this.#fetchToken(parametersOf(challenge), basic, signal)}`;
    else this.#authorization = basic;
    return this.#authorization !== undefined && this.#authorization !== before;
  }

  async #fetchToken(parameters: ReadonlyMap<string, string>, basic: string | undefined, signal: AbortSignal): Promise<string> {
    const url = this.#tokenUrl(parameters);
    const answer = await this.#client.send({ method: 'GET', url, headers: basic === undefined ? {} : { authorization: basic }, signal });
    if (answer.status !== 200) throw this.#client.refusal('the request for a token', answer);
    const { data } = tokenDocument.safeParse(jsonOf(answer.body));
    const token = data?.token ?? data?.access_token;
    if (token === undefined) throw this.#client.failure(FailureType.BadInput, 'gives no token');
    return token;
  }

  #tokenUrl(parameters: ReadonlyMap<string, string>): URL {
    const realm = URL.parse(parameters.get('realm') ?? '');
    const { plainHttp = false } = this.#client.settings;
    if (realm === null || (realm.protocol !== 'https:' && !plainHttp)) {
      throw this.#client.failure(FailureType.BadInput, 'names no safe place to get a token from');
    }
    for (const name of ['service', 'scope']) {
      const value = parameters.get(name);
      if (value !== undefined) realm.searchParams.set(name, value);
    }
    return realm;
  }
}

function parametersOf(challenge: string): ReadonlyMap<string, string> {
  return new Map([...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = '', value = '']) => [name.toLowerCase(), value]));
}
