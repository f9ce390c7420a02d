import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { volumeRepository } from '../../movers/volume-repository.ts';
import { volumeArchiveContract } from '../contract/volume-archive.suite.ts';
import { localTrial } from '../movers/local-trial.ts';
import { startTestS3 } from '../support/sandbox-env.ts';

const BUCKET = 'archive-test';
const password = () => randomBytes(16).toString('hex');

volumeArchiveContract('repository in a folder', () =>
  localTrial((folder) => {
    const repository = volumeRepository({ place: { scheme: 'file', path: join(folder, 'location') } }, 'cluster-1', password());
    return { repository, stored: repository.url };
  }),
);

volumeArchiveContract('repository in a bucket', async () => {
  const server = await startTestS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const keys = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  const trial = await localTrial(() => {
    const place = { scheme: 's3', bucket: BUCKET, prefix: 'prefix/' } as const;
    return {
      repository: volumeRepository({ place, endpoint, region, keys }, 'cluster-1', password()),
      stored: join(server.folder, 'buckets', BUCKET, 'prefix'),
    };
  });
  const stop = async () => {
    await trial.stop();
    await server.stop();
  };
  return { ...trial, stop };
});
