import { describe, expect, it } from '@jest/globals';
import { encryptedText, readKeyNames, withoutKey } from '../../sandbox/encryption-configuration.ts';

const SECRET = 'c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISEhISE=';
const configuration = (...providers: readonly object[]): string =>
  JSON.stringify({
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [{ resources: ['secrets'], providers }],
  });
const keys = (...names: readonly string[]): object => ({ keys: names.map((name) => ({ name, secret: SECRET })) });

describe('an EncryptionConfiguration', () => {
  it('tells its keys by provider and name', () => {
    const known = readKeyNames(
      configuration({ aescbc: keys('a', 'b') }, { aesgcm: keys('c') }, { secretbox: keys('d') }, { identity: {} }),
    );
    expect([...known]).toEqual(['aescbc/a', 'aescbc/b', 'aesgcm/c', 'secretbox/d']);
    const encrypted = [
      { resource: 'secrets', provider: 'aescbc', key: 'b' },
      { resource: 'secrets', provider: 'aesgcm', key: 'b' },
    ];
    expect(encryptedText(withoutKey(encrypted, known))).toBe('secrets (aesgcm, key "b")');
  });

  it('with kms is refused with the reason', () => {
    expect(() => readKeyNames(configuration({ kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock' } }))).toThrow(
      'names a kms provider, whose plugin is not here to decrypt',
    );
  });

  it.each([
    ['another kind', 'kind: Secret'],
    ['no YAML', `kind: EncryptionConfiguration\nresources: [{ ${SECRET}`],
    ['nothing', ''],
  ])('that is %s is refused, and nothing of it is said', (_what, text) => {
    const read = (): unknown => readKeyNames(text);
    expect(read).toThrow('the encryption configuration cannot be used');
    expect(read).not.toThrow(SECRET);
  });
});
