import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import { openStore, parseLocationUrl } from '../../storage/open-store.ts';

describe('location URLs', () => {
  it.each([
    ['file:///var/backups', { scheme: 'file', path: '/var/backups' }],
    ['file:///var/backups/', { scheme: 'file', path: '/var/backups' }],
    ['file:///var/with%20space', { scheme: 'file', path: '/var/with space' }],
    ['s3://bucket', { scheme: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/', { scheme: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://my.bucket-1/one/two/', { scheme: 's3', bucket: 'my.bucket-1', prefix: 'one/two/' }],
    ['S3://bucket/a', { scheme: 's3', bucket: 'bucket', prefix: 'a/' }],
    ['gs://my_bucket.example.com/one', { scheme: 'gs', bucket: 'my_bucket.example.com', prefix: 'one/' }],
    ['azblob://my-container/one/two', { scheme: 'azblob', bucket: 'my-container', prefix: 'one/two/' }],
  ])('reads %s', (url, expected) => {
    expect(parseLocationUrl(url)).toEqual(expected);
  });

  it.each([
    ['', 'no scheme'],
    ['/var/backups', 'no scheme'],
    ['file://var/backups', 'absolute path'],
    ['file:relative', 'absolute path'],
    ['file:///', 'absolute path'],
    ['file:///a%2Fb', 'not a path'],
    ['s3://', 'no bucket'],
    ['s3:///prefix', 'no bucket'],
    ['s3://Bad_Bucket', 'bucket name'],
    ['s3://bucket/UPPER', 'prefix'],
    ['s3://bucket/../x', 'prefix'],
    ['gs://', 'no bucket'],
    ['gs://-bucket', 'bucket name'],
    ['gs://bucket-', 'bucket name'],
    ['gs://ab', 'bucket name'],
    ['gs://bucket/../x', 'prefix'],
    ['azblob:///x', 'no container'],
    ['azblob://account.blob.core.windows.net/container', 'container name'],
    ['azblob://two--hyphens', 'container name'],
    ['azblob://container/UPPER', 'prefix'],
    ['ftp://host/x', 'unknown'],
  ])('refuses %j in one line with advice', (url, what) => {
    let caught: unknown;
    try {
      openStore(url);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(HoldfastError);
    const error = caught as HoldfastError;
    expect(error.type).toBe('BadInput');
    expect(error.message).toContain(what);
    expect(error.message).not.toContain('\n');
    expect(error.advice).not.toBe('');
  });

  it.each(['s3://key:geheim@bucket/x', 'gs://key:geheim@bucket/x', 'azblob://container/x?sv=1&sig=geheim'])(
    'does not repeat credentials that were written into %s',
    (url) => {
      expect(() => openStore(url)).toThrow(/^(?!.*geheim).*credentials/);
    },
  );

  it.each([
    ['gcs://bucket', 'use gs://bucket/prefix'],
    ['azure://container', 'use azblob://container/prefix'],
    ['minio://bucket', 'use s3://bucket/prefix'],
    ['https://account.blob.core.windows.net/c?sig=geheim', 'file:///absolute/path, s3://'],
  ])('advises those who wrote %s', (url, advice) => {
    expect(() => openStore(url)).toThrow(expect.objectContaining({ advice: expect.stringContaining(advice) }));
    expect(() => openStore(url)).toThrow(/^(?!.*geheim)/);
  });

  it('opens a store that shows its URL', () => {
    expect(openStore('file:///var/backups').url).toBe('file:///var/backups');
    expect(openStore('s3://bucket/a/').url).toBe('s3://bucket/a');
    expect(openStore('gs://bucket/a/').url).toBe('gs://bucket/a');
    expect(openStore('azblob://container/a/', { account: 'mine' }).url).toBe('azblob://container/a');
  });
});
