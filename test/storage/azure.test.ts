import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { azureAccount } from '../../storage/azure-account.ts';
import { azureError } from '../../storage/azure-errors.ts';
import { blockNames } from '../../storage/azure-large.ts';
import { AzureStore } from '../../storage/azure.ts';
import { DeadlineExceeded } from '../../storage/deadline.ts';

const STRING = 'DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=a2V5a2V5PT0=;EndpointSuffix=core.chinacloudapi.cn';

describe('the account of an Azure location', () => {
  it.each([
    [
      'options',
      { account: 'mine', accountKey: 'azE=' },
      {},
      'https://mine.blob.core.windows.net',
      { kind: 'key', account: 'mine', key: 'azE=' },
    ],
    [
      'SAS token',
      { account: 'mine', sasToken: '?sv=1&sig=x' },
      {},
      'https://mine.blob.core.windows.net',
      { kind: 'sas', token: 'sv=1&sig=x' },
    ],
    ['identity', { account: 'mine' }, {}, 'https://mine.blob.core.windows.net', { kind: 'identity' }],
    [
      'connection string',
      { connectionString: STRING },
      {},
      'https://mine.blob.core.chinacloudapi.cn',
      { kind: 'key', account: 'mine', key: 'a2V5a2V5PT0=' },
    ],
    [
      'connection string with SAS',
      { connectionString: 'BlobEndpoint=https://x.example/;SharedAccessSignature=sv=1&sig=y%3D' },
      {},
      'https://x.example',
      { kind: 'sas', token: 'sv=1&sig=y%3D' },
    ],
    [
      'environment',
      {},
      { AZURE_STORAGE_CONNECTION_STRING: STRING },
      'https://mine.blob.core.chinacloudapi.cn',
      { kind: 'key', account: 'mine', key: 'a2V5a2V5PT0=' },
    ],
    [
      'key of the environment',
      {},
      { AZURE_STORAGE_ACCOUNT: 'env1', AZURE_STORAGE_KEY: 'azI=' },
      'https://env1.blob.core.windows.net',
      { kind: 'key', account: 'env1', key: 'azI=' },
    ],
    [
      'token of the environment',
      {},
      { AZURE_STORAGE_ACCOUNT: 'env1', AZURE_STORAGE_SAS_TOKEN: 'sig=z' },
      'https://env1.blob.core.windows.net',
      { kind: 'sas', token: 'sig=z' },
    ],
    [
      'another account than the environment',
      { account: 'other' },
      { AZURE_STORAGE_CONNECTION_STRING: STRING },
      'https://other.blob.core.windows.net',
      { kind: 'identity' },
    ],
    [
      'own token, not the key of the environment',
      { account: 'mine', sasToken: 'sig=x' },
      { AZURE_STORAGE_KEY: 'azI=' },
      'https://mine.blob.core.windows.net',
      { kind: 'sas', token: 'sig=x' },
    ],
    [
      'endpoint',
      { account: 'mine', accountKey: 'azE=', endpoint: 'http://127.0.0.1:1/mine/' },
      {},
      'http://127.0.0.1:1/mine',
      { kind: 'key', account: 'mine', key: 'azE=' },
    ],
  ])('is that of the %s', (_what, options, environment, endpoint, secret) => {
    expect(azureAccount(options, environment)).toEqual({ endpoint, secret });
  });

  it('knows the emulator', () => {
    expect(azureAccount({ connectionString: 'UseDevelopmentStorage=true' }, {})).toMatchObject({
      endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
      secret: { kind: 'key', account: 'devstoreaccount1' },
    });
  });

  it.each([
    [{}, 'names no storage account'],
    [{ account: 'Not_Legal' }, 'no legal name'],
    [{ connectionString: 'AccountKey=geheim' }, 'neither AccountName nor BlobEndpoint'],
    [{ endpoint: 'https://x.example', accountKey: 'geheim' }, 'name of its account'],
    [{ endpoint: 'http://x.example', account: 'mine' }, 'needs an account key or a SAS token'],
    [{ endpoint: 'https://x.example?sig=geheim' }, 'not a URL'],
  ])('refuses %j without showing secrets', (options, what) => {
    expect(() => azureAccount(options, {})).toThrow(expect.objectContaining({ type: 'BadInput', message: expect.stringContaining(what) }));
    expect(() => azureAccount(options, {})).toThrow(/^(?!.*geheim)/);
  });
});

function answered(statusCode: number, code = '', headers: Record<string, string> = {}): Error {
  const get = (name: string) => headers[name];
  return Object.assign(new Error('said\nso'), { name: 'RestError', statusCode, code, response: { headers: { get } } });
}

describe('failures of Azure', () => {
  it.each([
    [answered(401, 'NoAuthenticationInformation'), 'Forbidden', 'not accepted'],
    [answered(403, 'AuthorizationPermissionMismatch'), 'Forbidden', 'access denied'],
    [answered(404, 'BlobNotFound'), 'NotFound', 'does not exist'],
    [answered(404, 'ContainerNotFound'), 'LocationGone', 'container'],
    [answered(404, '', { 'x-ms-error-code': 'ContainerNotFound' }), 'LocationGone', 'container'],
    [answered(409, 'ContainerBeingDeleted'), 'LocationGone', 'container'],
    [answered(409, 'BlobAlreadyExists'), 'AlreadyExists', 'exists already'],
    [answered(412, 'ConditionNotMet'), 'AlreadyExists', 'exists already'],
    [answered(409, 'BlobImmutableDueToPolicy'), 'Locked', 'immutability'],
    [answered(412, 'LeaseIdMissing'), 'Locked', 'leased'],
    [answered(400, 'InvalidBlockList'), 'Unavailable', 'parts'],
    [answered(400, 'InvalidHeaderValue'), 'BadInput', '400 InvalidHeaderValue'],
    [answered(408), 'Unavailable', '408'],
    [answered(429), 'Unavailable', '429'],
    [answered(500, 'InternalError'), 'Unavailable', '500'],
    [answered(501, 'APINotImplemented'), 'BadInput', '501'],
    [answered(503, 'ServerBusy'), 'Unavailable', '503'],
    [Object.assign(new Error('x'), { name: 'RestError', code: 'ECONNRESET' }), 'Unavailable', 'ECONNRESET'],
    [new DeadlineExceeded('no answer within 5 ms'), 'Unavailable', '5 ms'],
    [Object.assign(new Error('x'), { name: 'CredentialUnavailableError' }), 'Forbidden', 'no credentials'],
    [Object.assign(new Error('x'), { name: 'AggregateAuthenticationError' }), 'Forbidden', 'no credentials'],
  ])('%s is %s', (cause, type, what) => {
    const error = azureError('azblob://container', 'a/b', cause);
    expect(error).toMatchObject({ type, message: expect.stringContaining(what) });
    expect(error.message).toMatch(/^azblob:\/\/container: a\/b: [^\n]*$/);
  });

  it('waits as long as the server asks', () => {
    expect(azureError('azblob://c', '', answered(503, 'ServerBusy', { 'retry-after': '7' })).retryAfterMs).toBe(7_000);
  });

  it('does not carry what the request held', () => {
    const cause = Object.assign(answered(500), { message: 'at https://x/?sv=1&sig=canary', request: { url: 'https://x/?sig=canary' } });
    expect(inspect(azureError('azblob://c', '', cause), { depth: 9 })).not.toContain('canary');
  });
});

describe('blocks of large blobs', () => {
  it('have names of one length that stand for content and place', () => {
    const names = blockNames('content', 50_000);
    expect(new Set(names.map(({ length }) => length)).size).toBe(1);
    expect(new Set(names).size).toBe(50_000);
    expect(Buffer.from(names[0] ?? '', 'base64').length).toBeLessThanOrEqual(64);
    expect(blockNames('content', 1)[0]).toBe(names[0]);
    expect(blockNames('other', 1)[0]).not.toBe(names[0]);
  });
});

describe('copies between containers', () => {
  const storeWith = (sasToken: string) => new AzureStore({ bucket: 'mine', prefix: '' }, { account: 'mine', sasToken });

  it('need a token that opens both', () => {
    const wide = storeWith('sv=1&ss=b&srt=sco&sig=x');
    expect(wide.canCopyFrom({ ...wide.place, bucket: 'other' })).toBe(true);
    expect(wide.canCopyFrom({ ...wide.place, endpoint: 'https://other.blob.core.windows.net' })).toBe(false);
    const narrow = storeWith('sv=1&sr=c&sig=x');
    expect(narrow.canCopyFrom({ ...narrow.place, bucket: 'other' })).toBe(false);
    expect(narrow.canCopyFrom({ ...narrow.place, prefix: 'other/' })).toBe(true);
  });
});
