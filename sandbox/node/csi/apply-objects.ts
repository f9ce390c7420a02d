import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureType, HoldfastError } from '../../../contracts/failures.ts';
import type { ProbeCredential } from '../../tls-probe.ts';
import type { StorageObject } from './storage-objects.ts';

export interface ApiAccess extends ProbeCredential {
  /** URL of the API server. */
  readonly server: string;
}

const PATIENCE_MS = 60_000;
const POLL_MS = 100;
/** A kind that has just been defined is not served yet, or asks to be waited for. */
const NOT_YET = [404, 429];

/** Makes the objects what they should be, whatever was there before. `Unavailable` with the server's words when it refuses one. */
export async function applyObjects(objects: readonly StorageObject[], { server, authority, certificate, key }: ApiAccess): Promise<void> {
  const [ca, cert, pem] = await Promise.all([authority, certificate, key].map((file) => readFile(file)));
  const agent = new Agent({ keepAlive: true, ca, cert, key: pem });
  try {
    await Promise.all(objects.map((object) => applyOne(object, server, agent)));
  } finally {
    agent.destroy();
  }
}

async function applyOne({ path, object }: StorageObject, server: string, agent: Agent): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await patch(new URL(`${path}?fieldManager=holdfast-sandbox&force=true`, server), object, agent);
    if (answer.status === 200 || answer.status === 201) return;
    if (!NOT_YET.includes(answer.status) || performance.now() > deadline) {
      throw new HoldfastError(FailureType.Unavailable, `the sandbox refuses ${path}: ${answer.status} ${answer.body.slice(0, 300)}`, {
        advice: 'see the log of kube-apiserver in the folder that `holdfast sandbox status` names',
      });
    }
    await sleep(POLL_MS);
  }
}

function patch(url: URL, object: object, agent: Agent): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'PATCH', agent, headers: { 'content-type': 'application/apply-patch+yaml' } }, (response) => {
      text(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, body });
      }, reject);
    });
    call.once('error', reject);
    // JSON is YAML.
    call.end(JSON.stringify(object));
  });
}
