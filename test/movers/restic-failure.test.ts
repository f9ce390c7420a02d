import { describe, expect, it } from '@jest/globals';
import { resticFailure, tidy, wasKilled } from '../../movers/restic-failure.ts';
import { ResticOutput } from '../../movers/restic-output.ts';

const repository = {
  url: '/r',
  password: 'password/canary',
  environment: { AWS_SECRET_ACCESS_KEY: 'key-canary', AWS_DEFAULT_REGION: 'us-east-1' },
  authority: '',
};

function failure(code: number | undefined, message = '') {
  const output = new ResticOutput();
  if (message !== '') output.take(JSON.stringify({ message_type: 'exit_error', code, message }));
  return resticFailure({ code, output }, 'backup of volume a/b', repository);
}

describe('failures of restic', () => {
  it.each([
    [10, 'Fatal: repository does not exist: unable to open config file\nIs there a repository?', 'NotFound'],
    [11, 'unable to create lock in backend', 'Unavailable'],
    [12, 'Fatal: wrong password or no key found', 'BadInput'],
    [1, 'Fatal: failed to find snapshot: no matching ID found for prefix "00"', 'NotFound'],
    [1, 'The specified bucket does not exist (NoSuchBucket)', 'LocationGone'],
    [1, 'Access Denied.', 'Forbidden'],
    [1, 'write /x: no space left on device', 'BadInput'],
    [1, 'ciphertext verification failed', 'Damaged'],
    [1, 'dial tcp 127.0.0.1:1: connect: connection refused', 'Unavailable'],
    [undefined, '', 'Unavailable'],
    [1, '', 'Unavailable'],
  ])('code %s with "%s" is %s, in one line with advice', (code, message, type) => {
    const found = failure(code, message);
    expect(found).toMatchObject({ type });
    expect(found.message).toMatch(/^backup of volume a\/b: /);
    expect(found.message).not.toMatch(/\n|Fatal/);
    expect(found.advice).not.toBe('');
  });

  it('show no secret in any spelling, and keep what is none', () => {
    const text = 'PUT https://h/?sig=abc%2F&x=1 with password/canary password%2Fcanary key-canary in us-east-1';
    expect(tidy(text, repository)).toBe('PUT https://h/?sig=***&x=1 with *** *** *** in us-east-1');
    expect(failure(1, 'refused: key-canary').message).not.toMatch(/canary/);
  });

  it('know a killed process from one that failed', () => {
    expect(wasKilled({ code: 137, output: new ResticOutput() })).toBe(true);
    expect(wasKilled({ code: undefined, output: new ResticOutput() })).toBe(true);
    expect(wasKilled({ code: 1, output: new ResticOutput() })).toBe(false);
  });
});
