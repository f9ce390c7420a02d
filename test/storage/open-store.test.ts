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
    ['gs://bucket', 'not supported by this version'],
    ['azblob://container', 'not supported by this version'],
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

  it('does not repeat credentials that were written into the URL', () => {
    expect(() => openStore('s3://key:geheim@bucket/x')).toThrow(/^(?!.*geheim).*credentials/);
  });

  it('opens a store that shows its URL', () => {
    expect(openStore('file:///var/backups').url).toBe('file:///var/backups');
    expect(openStore('s3://bucket/a/').url).toBe('s3://bucket/a');
  });
});
