import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../contracts/failures.ts';
import { AnswerTooLarge, LostAnswer } from '../../kubernetes/exchange.ts';
import { lostFailure, refusedFailure } from '../../kubernetes/failures.ts';

const operation = { verb: 'create', subject: 'configmaps default/a', cluster: 'prod' };
const refused = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  refusedFailure(operation, { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) });

describe('refusedFailure', () => {
  it.each([
    [400, 'BadRequest', 'BadInput'],
    [401, 'Unauthorized', 'Forbidden'],
    [403, 'Forbidden', 'Forbidden'],
    [404, 'NotFound', 'NotFound'],
    [405, 'MethodNotAllowed', 'BadInput'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [409, 'Conflict', 'Conflict'],
    [410, 'Expired', 'Conflict'],
    [413, 'RequestEntityTooLarge', 'BadInput'],
    [422, 'Invalid', 'BadInput'],
    [429, 'TooManyRequests', 'Unavailable'],
    [500, 'InternalError', 'Unavailable'],
    [503, 'ServiceUnavailable', 'Unavailable'],
    [504, 'Timeout', 'Unavailable'],
  ])('%i %s is %s, with what, where and why in one line', (status, reason, type) => {
    const error = refused(status, { kind: 'Status', reason, message: 'because\n  of  this' });
    expect(error).toMatchObject({ type, message: 'cluster prod: cannot create configmaps default/a: because of this' });
  });

  it('hands on how long the server wants us to wait', () => {
    expect(refused(429, {}, { 'retry-after': '7' }).retryAfterMs).toBe(7_000);
    expect(refused(403, {}, { 'retry-after': '7' }).retryAfterMs).toBeUndefined();
  });

  it('tells a namespace that is being deleted from a missing right', () => {
    const error = refused(403, { reason: 'Forbidden', message: 'forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } });
    expect(error).toMatchObject({ type: 'Conflict', advice: expect.stringContaining('namespace is gone') });
  });

  it('says the status when the answer is no Status, and nothing of its content', () => {
    expect(refused(502, '<html>secret</html>').message).toBe(
      'cluster prod: cannot create configmaps default/a: the server answered with status 502',
    );
  });

  it('shortens a message without end', () => {
    expect(refused(422, { message: 'x'.repeat(100_000) }).message.length).toBeLessThan(1_000);
  });
});

describe('lostFailure', () => {
  const lost = (sent: boolean, code = '') =>
    new LostAnswer('why', { sent, timedOut: false, cause: Object.assign(new Error('why'), { code }) });

  it('is Unavailable, and says whether the request may have been executed', () => {
    expect(lostFailure(operation, lost(false))).toMatchObject({
      type: 'Unavailable',
      message: 'cluster prod: cannot create configmaps default/a: why',
    });
    expect(lostFailure(operation, lost(true))).toMatchObject({
      type: 'Unavailable',
      message: expect.stringContaining('the connection broke before the answer was complete'),
    });
  });

  it.each(['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
    'is not worth a retry when the certificate is not trusted: %s',
    (code) => {
      expect(lostFailure(operation, lost(false, code))).toMatchObject({
        type: 'BadInput',
        advice: expect.stringContaining('certificate-authority'),
      });
    },
  );

  it('leaves other errors as they are', () => {
    const other = new HoldfastError('Forbidden', 'no credentials');
    expect(lostFailure(operation, other)).toBe(other);
    expect(lostFailure(operation, new AnswerTooLarge('too large'))).toMatchObject({ type: 'BadInput' });
  });
});
