import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../storage/s3.ts';
import { withRetry } from '../../storage/with-retry.ts';
import { objectStoreContract } from '../contract/object-store.suite.ts';
import { startTestSecondS3 } from '../support/sandbox-env.ts';

/** It takes no conditions, and says so; of writers that meet it answers some with 500. */
objectStoreContract('S3 of another make, with retry', async () => {
  const server = await startTestSecondS3();
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  const options = { endpoint: server.endpoint, region: server.region, credentials, forcePathStyle: true };
  const client = new S3Client(options);
  for (const Bucket of ['contract', 'elsewhere']) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  const open = (bucket: string, prefix: string) => withRetry(new S3Store({ bucket, prefix }, { ...options, conditionalWrites: false }));
  const store = open('contract', 'some/prefix/');
  await store.prepare();
  return {
    store,
    reopen: () => open('contract', 'some/prefix/'),
    elsewhere: () => Promise.resolve(open('elsewhere', '')),
    dispose: () => server.stop(),
  };
});
