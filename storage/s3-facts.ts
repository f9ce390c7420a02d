import type { S3Client } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, StoreFacts } from './object-store.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { errorName, statusOf } from './s3-errors.ts';

/** Answers of servers that do not have what was asked for. */
const LACKING = new Set([400, 404, 405, 501]);

/** What the bucket says about itself. `LocationGone` when there is none. */
export async function bucketFacts(bucket: S3Bucket, options: CallOptions): Promise<StoreFacts> {
  const Bucket = bucket.place.bucket;
  return bucket.call('', options, async (connection, abortSignal) => {
    const { client, sdk } = connection;
    const clock = watchClock(client);
    try {
      await bucket.assertThere(connection, abortSignal);
      const ask = <T>(asked: Promise<T>, answer: (given: T) => boolean) => asked.then(answer, unknown);
      const versioning = await ask(
        client.send(new sdk.GetBucketVersioningCommand({ Bucket }), { abortSignal }),
        ({ Status }) => Status === 'Enabled',
      );
      const objectLock = await ask(
        client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket }), { abortSignal }),
        ({ ObjectLockConfiguration }) => ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled',
      );
      return { serverTime: clock.time(bucket.url), versioning, objectLock };
    } finally {
      clock.stop();
    }
  });
}

/** False for what is not there; undefined when we may not ask. */
function unknown(error: unknown): false | undefined {
  if (statusOf(error) === 403) return undefined;
  if (errorName(error) !== 'NoSuchBucket' && LACKING.has(statusOf(error) ?? 0)) return false;
  throw error;
}

/** The SDK does not hand out the header `Date`, so it is taken from the answers as they come in. */
function watchClock(client: S3Client) {
  const name = 'holdfastServerClock';
  let date: string | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args).catch((error: unknown) => {
        date = headerDate((error as { readonly $response?: unknown }).$response) ?? date;
        throw error;
      });
      date = headerDate(answer.response) ?? date;
      return answer;
    },
    { step: 'deserialize', name, priority: 'low', override: true },
  );
  return {
    stop: () => client.middlewareStack.remove(name),
    time: (url: string): string => {
      const time = new Date(date ?? Number.NaN);
      if (Number.isNaN(time.getTime())) throw new HoldfastError('Unavailable', `${url}: the answer has no date`);
      return time.toISOString();
    },
  };
}

function headerDate(response: unknown): string | undefined {
  return (response as { readonly headers?: Readonly<Record<string, string>> } | undefined)?.headers?.['date'];
}
