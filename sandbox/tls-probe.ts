import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';

export interface ProbeCredential {
  /** Files, PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const PATIENCE_MS = 2_000;

/** Whether a GET with our client certificate is answered with 200. Never rejects: a server that does not answer is simply not ready. */
export async function answersOk(url: string, credential: ProbeCredential): Promise<boolean> {
  return (await answerTo(url, credential)) !== undefined;
}

/** The body of the answer to a GET with our client certificate; undefined, and never a rejection, when that is not a 200. */
export async function answerTo(url: string, credential: ProbeCredential): Promise<string | undefined> {
  const [ca, cert, key] = await Promise.all([credential.authority, credential.certificate, credential.key].map((file) => readFile(file)));
  return new Promise((resolve) => {
    const call = request(url, { ca, cert, key, agent: false, timeout: PATIENCE_MS }, (response) => {
      const body = text(response).catch(() => undefined);
      resolve(response.statusCode === 200 ? body : undefined);
    });
    call.once('timeout', () => {
      call.destroy();
    });
    call.once('error', () => {
      resolve(undefined);
    });
    call.end();
  });
}
