import { describe, expect, it } from '@jest/globals';
import { volumeRepository, type LocationFacts } from '../../movers/volume-repository.ts';

const of = (facts: LocationFacts) => volumeRepository(facts, 'uid', 'password');
const s3 = { scheme: 's3', bucket: 'bucket', prefix: 'a/b/' } as const;
const gs = { scheme: 'gs', bucket: 'bucket', prefix: '' } as const;
const azure = { scheme: 'azblob', bucket: 'container', prefix: 'a/' } as const;

describe('the restic repository of a location', () => {
  it('is a folder in a folder', () => {
    expect(of({ place: { scheme: 'file', path: '/backups' } })).toEqual({
      url: '/backups/volumes/uid',
      password: 'password',
      environment: {},
      authority: '',
    });
  });

  it('has the keys and the manners of an S3 server in its environment', () => {
    const keys = { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: 'token' };
    const facts = { place: s3, endpoint: 'https://minio:9000', region: 'eu-1', keys, storageClass: 'STANDARD_IA', authority: 'PEM' };
    expect(of(facts)).toEqual({
      url: 's3:https://minio:9000/bucket/a/b/volumes/uid',
      password: 'password',
      environment: { AWS_DEFAULT_REGION: 'eu-1', AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key', AWS_SESSION_TOKEN: 'token' },
      options: { 's3.bucket-lookup': 'path', 's3.storage-class': 'STANDARD_IA' },
      authority: 'PEM',
    });
  });

  it.each([
    [undefined, 's3:https://s3.amazonaws.com/bucket/a/b/volumes/uid'],
    ['eu-central-1', 's3:https://s3.eu-central-1.amazonaws.com/bucket/a/b/volumes/uid'],
    ['cn-north-1', 's3:https://s3.cn-north-1.amazonaws.com.cn/bucket/a/b/volumes/uid'],
  ])('is at Amazon without an endpoint, region %s', (region, url) => {
    expect(of({ place: s3, region })).toMatchObject({ url, options: { 's3.bucket-lookup': 'dns' } });
  });

  it('gives a Google key as a file', () => {
    expect(of({ place: gs, googleKey: '{"type":"service_account"}' })).toMatchObject({
      url: 'gs:bucket:/volumes/uid',
      files: { GOOGLE_APPLICATION_CREDENTIALS: '{"type":"service_account"}' },
    });
  });

  it.each<[string, Partial<LocationFacts>, object]>([
    ['account and key', { account: 'shop', accountKey: 'key' }, { AZURE_ACCOUNT_NAME: 'shop', AZURE_ACCOUNT_KEY: 'key' }],
    ['a SAS token', { account: 'shop', sasToken: '?sig=x' }, { AZURE_ACCOUNT_NAME: 'shop', AZURE_ACCOUNT_SAS: '?sig=x' }],
    [
      'a connection string',
      { connectionString: 'DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=a==;EndpointSuffix=core.chinacloudapi.cn' },
      { AZURE_ACCOUNT_NAME: 'shop', AZURE_ACCOUNT_KEY: 'a==', AZURE_ENDPOINT_SUFFIX: 'core.chinacloudapi.cn' },
    ],
    [
      'an endpoint of the usual form',
      { account: 'shop', endpoint: 'https://shop.blob.core.usgovcloudapi.net' },
      { AZURE_ACCOUNT_NAME: 'shop', AZURE_ENDPOINT_SUFFIX: 'core.usgovcloudapi.net' },
    ],
  ])('reaches Azure by %s', (_, facts, environment) => {
    expect(of({ place: azure, ...facts })).toMatchObject({ url: 'azure:container:/a/volumes/uid', environment });
  });

  it.each<[string, LocationFacts]>([
    ['an S3 endpoint with a path', { place: s3, endpoint: 'https://host/path' }],
    ['a Google endpoint', { place: gs, endpoint: 'http://127.0.0.1:1' }],
    ['an Azure endpoint of another form', { place: azure, account: 'shop', endpoint: 'http://127.0.0.1:1/shop' }],
  ])('says that restic cannot reach %s', (_, facts) => {
    expect(() => of(facts)).toThrow(
      expect.objectContaining({ type: 'BadInput', message: expect.stringMatching(/^volumes cannot be stored at/) as unknown }),
    );
  });
});
