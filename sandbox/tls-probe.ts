import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

export interface ProbeCredential {
  /** Files, PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const PATIENCE_MS = 2_000;

/** Whether a GET with our client certificate is answered with 200. Never rejects: a server that does not answer is simply not ready. */
export async function answersOk(url: string, credential: ProbeCredential): Promise<boolean> {
  const [ca, cert, key] = await Promise.all([credential.authority, credential.certificate, credential.key].map((file) => readFile(file)));
  return new Promise((resolve) => {
    const call = request(url, { ca, cert, key, agent: false, timeout: PATIENCE_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('timeout', () => {
      call.destroy();
    });
    call.once('error', () => {
      resolve(false);
    });
    call.end();
  });
}
