import { GcsStore } from '../../storage/gcs.ts';
import { status, type Fault } from './fault-rules.ts';
import { startTestGcs } from './sandbox-env.ts';
import { BUCKET, type StorageServer } from './storage-server.ts';

/** Cloud Storage with a bucket. Objects are sent in one request each, to the address of the location: no address of the server's own is ever used. */
export async function startGcsStorage(): Promise<StorageServer> {
  const server = await startTestGcs();
  const made = await fetch(`${server.endpoint}/storage/v1/b`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: BUCKET }),
  });
  if (!made.ok) throw new Error(`no bucket: ${String(made.status)}`);
  return {
    scheme: 'gs',
    origin: server.endpoint,
    writes: 'POST',
    says: {
      slowDown: refusal(429, 'rateLimitExceeded', { 'retry-after': '1' }),
      forbidden: refusal(403, 'forbidden'),
      expired: refusal(401, 'authError'),
      gone: refusal(404, 'notFound'),
    },
    access: (name, origin) => ({ url: `gs://${BUCKET}/${name}`, endpoint: origin }),
    open: (name, origin = server.endpoint) => new GcsStore({ bucket: BUCKET, prefix: `${name}/` }, { endpoint: origin }),
    stop: () => server.stop(),
  };
}

function refusal(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Fault {
  return status(
    code,
    { 'content-type': 'application/json', ...headers },
    JSON.stringify({ error: { code, errors: [{ reason }], message: reason } }),
  );
}
