import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { DeadlineExceeded } from '../../storage/deadline.ts';
import { gcsEndpoint, GcsHttpError } from '../../storage/gcs-client.ts';
import { gcsError } from '../../storage/gcs-errors.ts';
import { GcsStore } from '../../storage/gcs.ts';

const answer = (status: number, body = '', headers: Record<string, string> = {}) =>
  new GcsHttpError({ status, headers, body: Buffer.from(body) });
const because = (reason: string, message = '') => JSON.stringify({ error: { message, errors: [{ reason }] } });

describe('the endpoint of Cloud Storage', () => {
  it.each([
    [{}, {}, 'https://storage.googleapis.com'],
    [{}, { STORAGE_EMULATOR_HOST: '' }, 'https://storage.googleapis.com'],
    [{}, { STORAGE_EMULATOR_HOST: 'localhost:4443' }, 'http://localhost:4443'],
    [{}, { STORAGE_EMULATOR_HOST: 'https://localhost:4443/' }, 'https://localhost:4443'],
    [
      { endpoint: 'https://storage-x.p.googleapis.com/' },
      { STORAGE_EMULATOR_HOST: 'localhost:4443' },
      'https://storage-x.p.googleapis.com',
    ],
  ])('with %j and %j is %s', (options, environment, expected) => {
    expect(gcsEndpoint(options, environment)).toBe(expected);
  });
});

describe('failures of Cloud Storage', () => {
  it.each([
    [answer(401), 'Forbidden', 'not accepted'],
    [answer(403, because('forbidden')), 'Forbidden', 'access denied'],
    [answer(403, because('retentionPolicyNotMet')), 'Locked', 'locked'],
    [answer(403, because('objectUnderActiveHold')), 'Locked', 'locked'],
    [answer(403, because('userRateLimitExceeded')), 'Unavailable', 'slow down'],
    [answer(404), 'NotFound', 'does not exist'],
    [answer(412, because('conditionNotMet')), 'AlreadyExists', 'exists already'],
    [answer(400, because('invalid', 'Bad\n thing')), 'BadInput', 'answered 400 (Bad thing)'],
    [answer(408), 'Unavailable', '408'],
    [answer(429), 'Unavailable', '429'],
    [answer(500, '<html>'), 'Unavailable', '500'],
    [answer(503), 'Unavailable', '503'],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'Unavailable', 'ECONNRESET'],
    [new DeadlineExceeded('no answer within 5 ms'), 'Unavailable', '5 ms'],
    [new Error('Could not load the default credentials. Browse to ...'), 'Forbidden', 'no credentials'],
    [new Error('invalid_grant: Account not found'), 'Forbidden', 'not accepted'],
  ])('%s is %s', (cause, type, what) => {
    const error = gcsError('gs://bucket', 'a/b', cause);
    expect(error).toMatchObject({ type, message: expect.stringContaining(what) });
    expect(error.message).toMatch(/^gs:\/\/bucket: a\/b: [^\n]*$/);
  });

  it.each([
    ['7', 7_000],
    ['0', undefined],
    ['soon', undefined],
  ])('waits as long as Retry-After: %s says', (header, expected) => {
    expect(gcsError('gs://b', '', answer(503, '', { 'retry-after': header })).retryAfterMs).toBe(expected);
  });

  it('does not carry what the request held', () => {
    const cause = Object.assign(new Error('failed at https://x/?token=canary'), {
      config: { headers: { authorization: 'Bearer canary' } },
    });
    expect(inspect(gcsError('gs://b', '', cause), { depth: 9 })).not.toContain('canary');
  });
});

describe('the driver for Cloud Storage', () => {
  it('refuses a key file that cannot be read, before anything is sent', async () => {
    const store = new GcsStore({ bucket: 'bucket', prefix: '' }, { endpoint: 'https://127.0.0.1:1', keyFile: '/nonexistent/key.json' });
    await expect(store.read('a')).rejects.toMatchObject({ type: 'BadInput', message: expect.stringContaining('/nonexistent/key.json') });
    await store.close();
  });

  it('copies between places of one endpoint only', () => {
    const store = new GcsStore({ bucket: 'bucket', prefix: 'p/' }, { endpoint: 'http://127.0.0.1:1' });
    expect(store.canCopyFrom({ ...store.place, bucket: 'other', prefix: '' })).toBe(true);
    expect(store.canCopyFrom({ ...store.place, endpoint: '' })).toBe(false);
    expect(store.canCopyFrom({ ...store.place, scheme: 's3' })).toBe(false);
  });
});
