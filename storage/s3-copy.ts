import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions, StorePlace } from './object-store.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { s3Error, s3Failure, statusOf } from './s3-errors.ts';

/** S3 copies no more in one request. */
const MAX_COPY_BYTES = 5 * 1024 ** 3;

/** Lets S3 copy an object to the same key. It gets the tags, the encryption and the lock of this bucket, not those of the source. */
export async function copyObject(
  bucket: S3Bucket,
  what: { readonly source: StorePlace; readonly key: string },
  options: CallOptions,
): Promise<void> {
  const { source, key } = what;
  const name = `${source.prefix}${key}`;
  const from = `s3://${source.bucket}`;
  await bucket.call(key, { ...options, long: true }, async ({ client, sdk }, abortSignal) => {
    const head = await client
      .send(new sdk.HeadObjectCommand({ Bucket: source.bucket, Key: name }), { abortSignal })
      .catch(async (error: unknown) => {
        if (statusOf(error) !== 404) throw s3Error(from, name, error);
        await client.send(new sdk.HeadBucketCommand({ Bucket: source.bucket }), { abortSignal }).catch((missing: unknown) => {
          if (statusOf(missing) === 404) throw gone(from);
        });
        throw s3Failure(from, name, 404);
      });
    if ((head.ContentLength ?? 0) > MAX_COPY_BYTES) {
      const advice = 'copy it through this machine';
      throw new HoldfastError('BadInput', `${from}: ${name} has ${head.ContentLength ?? 0} bytes, S3 copies at most 5 GiB at once`, {
        advice,
      });
    }
    const input = {
      ...bucket.at(key),
      ...bucket.properties(),
      ...bucket.onlyNew(),
      CopySource: `${source.bucket}/${name}`,
      MetadataDirective: 'REPLACE' as const,
      TaggingDirective: 'REPLACE' as const,
    };
    await client.send(new sdk.CopyObjectCommand(input), { abortSignal });
  });
}

function gone(url: string): HoldfastError {
  return new HoldfastError('LocationGone', `${url}: the bucket does not exist`, { advice: 'create the bucket, or correct the URL' });
}
