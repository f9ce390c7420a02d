import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Server } from '../../sandbox/s3-server.ts';
import { S3Store } from '../../storage/s3.ts';
import { status, type Fault } from './fault-rules.ts';
import { BUCKET, type StorageServer } from './storage-server.ts';

/** A bucket on an S3 server that is running already; `stop` leaves it running. */
export async function s3Storage(server: S3Server): Promise<StorageServer> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const options = { endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true };
  const client = new S3Client(options);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  return {
    scheme: 's3',
    origin: endpoint,
    writes: 'PUT',
    says: {
      slowDown: refusal(503, 'SlowDown', { 'retry-after': '1' }),
      forbidden: refusal(403, 'AccessDenied'),
      expired: refusal(400, 'ExpiredToken'),
      gone: refusal(404, 'NoSuchBucket'),
    },
    access: (name, origin) => ({ url: `s3://${BUCKET}/${name}`, endpoint: origin, region, forcePathStyle: true }),
    open: (name, origin = endpoint) => new S3Store({ bucket: BUCKET, prefix: `${name}/` }, { ...options, endpoint: origin }),
    stop: () => Promise.resolve(),
  };
}

function refusal(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Fault {
  return status(code, { 'content-type': 'application/xml', ...headers }, `<Error><Code>${reason}</Code><Message>no</Message></Error>`);
}
