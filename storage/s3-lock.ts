import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contracts/failures.ts';
import type { CallOptions } from './object-store.ts';
import { lockMode, type S3Bucket } from './s3-bucket.ts';
import { statusOf } from './s3-errors.ts';

/** A legal hold has no end of its own. */
const FOR_EVER = '9999-12-31T23:59:59.999Z';

/** What protects an object now: ISO-8601; undefined when nothing does, or when we may not know. */
export function lockedUntil(
  head: Pick<HeadObjectCommandOutput, 'ObjectLockLegalHoldStatus' | 'ObjectLockRetainUntilDate'>,
): string | undefined {
  if (head.ObjectLockLegalHoldStatus === 'ON') return FOR_EVER;
  const until = head.ObjectLockRetainUntilDate;
  return until && until.getTime() > Date.now() ? until.toISOString() : undefined;
}

/** Extends the lock of the newest version. The mode of a lock that is there is kept: a compliance lock cannot become a weaker one. */
export async function extendLock(bucket: S3Bucket, key: string, wanted: CallOptions & { readonly until: string }): Promise<void> {
  const until = new Date(wanted.until);
  await bucket.call(key, wanted, async (connection, abortSignal) => {
    const { client, sdk } = connection;
    const found = await client.send(new sdk.HeadObjectCommand(bucket.at(key)), { abortSignal }).catch(async (error: unknown) => {
      if (statusOf(error) !== 404) throw error;
      await bucket.assertThere(connection, abortSignal);
      throw new HoldfastError('NotFound', `${bucket.url}: ${key}: does not exist`);
    });
    if (found.ObjectLockRetainUntilDate && found.ObjectLockRetainUntilDate >= until) return;
    const Mode = found.ObjectLockMode ?? lockMode(bucket.options.lock?.mode ?? 'governance');
    const Retention = { Mode, RetainUntilDate: until };
    await client.send(new sdk.PutObjectRetentionCommand({ ...bucket.at(key), Retention }), { abortSignal }).catch((error: unknown) => {
      throw statusOf(error) === 400 ? noLocks(bucket.url, key, error) : error;
    });
    // Some servers accept a lock and forget it.
    const locked = await client.send(new sdk.HeadObjectCommand(bucket.at(key)), { abortSignal });
    if (locked.ObjectLockMode === undefined) throw noLocks(bucket.url, key, undefined);
  });
}

function noLocks(url: string, key: string, cause: unknown): HoldfastError {
  return new HoldfastError('BadInput', `${url}: ${key}: the bucket takes no locks`, {
    advice: 'make a bucket with Object Lock enabled',
    cause,
  });
}
