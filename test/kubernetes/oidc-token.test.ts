import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { failureOf, kubeconfig, load, temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';
import { startIdentityProvider, tokenEndingIn, type IdentityProvider } from './identity-provider.ts';
import { json } from './scripted-server.ts';
import { selfSigned } from './self-signed.ts';

let folder: Folder;
let provider: IdentityProvider;
beforeEach(async () => {
  folder = await temporaryFolder();
  provider = await startIdentityProvider();
  await folder.file(provider.certificate, 'idp.crt');
});
afterEach(async () => {
  await provider.stop();
  await folder.remove();
});

/** Access as a user of the provider whose id-token has expired. */
async function access(changes: Record<string, string | undefined> = {}) {
  const config = {
    'idp-issuer-url': provider.issuer,
    'idp-certificate-authority': 'idp.crt',
    'client-id': 'client',
    'client-secret': 's3cr3t',
    'id-token': tokenEndingIn(-60),
    'refresh-token': 'refresh-0',
    ...changes,
  };
  return load(await folder.file(kubeconfig({ user: { 'auth-provider': { name: 'oidc', config } } })));
}

const claimsOf = (authorization: unknown) =>
  JSON.parse(Buffer.from(String(authorization).split('.')[1] ?? '', 'base64url').toString()) as { readonly n: number };

describe('auth-provider oidc', () => {
  it('uses an id-token that is valid and asks nobody', async () => {
    const token = tokenEndingIn(60);
    const { headers } = await (await access({ 'id-token': token })).credentials();
    expect(headers).toStrictEqual({ Authorization: `Bearer ${token}` });
    expect(provider.requests).toHaveLength(0);
  });

  it('renews one that has expired, or is about to', async () => {
    const renewed = await (await access()).credentials();
    expect(claimsOf(renewed.headers['Authorization'])).toMatchObject({ iss: provider.issuer, n: 1 });
    expect(Object.fromEntries(provider.requests[0]?.form ?? [])).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'refresh-0' });
    expect(provider.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('client:s3cr3t').toString('base64')}`);
    const soon = await (await access({ 'id-token': tokenEndingIn(5) })).credentials();
    expect(soon).toStrictEqual(renewed);
  });

  it('shares what was renewed with the whole process, also after a refresh: a refresh token may serve once', async () => {
    const [one, two] = [await access(), await access()];
    const answers = await Promise.all([one.credentials(), two.credentials()]);
    one.refresh();
    answers.push(await one.credentials());
    expect(new Set(answers.map(({ headers }) => headers['Authorization'])).size).toBe(1);
    expect(provider.requests).toHaveLength(1);
  });

  it('renews again with the refresh token that the provider gave last', async () => {
    provider.lifetime = 5;
    const user = await access();
    await user.credentials();
    expect(claimsOf((await user.credentials()).headers['Authorization']).n).toBe(2);
    expect(provider.requests.map(({ form }) => form.get('refresh_token'))).toStrictEqual(['refresh-0', 'refresh-1']);
  });

  it.each([
    [{ 'client-secret': undefined }, {}, { client_id: 'client' }, false],
    [{}, { token_endpoint_auth_methods_supported: ['client_secret_post'] }, { client_id: 'client', client_secret: 's3cr3t' }, false],
    [{}, { token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'] }, {}, true],
  ])('identifies the client in the way that the provider takes: %j %j', async (changes, discovery, form, header) => {
    provider.discovery = discovery;
    await (await access(changes)).credentials();
    expect(Object.fromEntries(provider.requests[0]?.form ?? [])).toMatchObject(form);
    expect(provider.requests[0]?.headers.authorization !== undefined).toBe(header);
  });

  it('trusts the authority that the kubeconfig holds, and no other', async () => {
    const data = Buffer.from(provider.certificate).toString('base64');
    await expect((await access({ 'idp-certificate-authority-data': data })).credentials()).resolves.toBeDefined();
    const other = Buffer.from(selfSigned().certificate).toString('base64');
    const changes = { 'idp-certificate-authority-data': other, 'refresh-token': 'refresh-1' };
    const failure = await failureOf((await access(changes)).credentials());
    expect(failure).toMatchObject({
      type: 'Forbidden',
      message: expect.stringMatching(/the identity provider 127\.0\.0\.1:\d+ cannot be reached/),
    });
    expect(provider.requests).toHaveLength(1);
  });

  it('says what the kubeconfig lacks', async () => {
    const failure = await failureOf((await access({ 'refresh-token': undefined, 'client-id': '' })).credentials());
    expect(failure).toMatchObject({
      type: 'Forbidden',
      message:
        'context "one": the credentials cannot be read: the id-token has expired, and to renew it the kubeconfig lacks client-id, refresh-token',
    });
    expect((await failureOf((await access({ 'id-token': 'no.token', 'refresh-token': '' })).credentials())).message).toContain(
      'refresh-token',
    );
    expect((await failureOf((await access({ 'idp-issuer-url': 'nowhere' })).credentials())).message).toContain(
      'the idp-issuer-url is not an address',
    );
  });

  it('says that the login is over, without a token in the message', async () => {
    const failure = await failureOf((await access({ 'refresh-token': 'stolen-t0ken' })).credentials());
    expect(failure).toMatchObject({ type: 'Forbidden', message: expect.stringMatching(/did not renew the id-token: invalid_grant$/) });
    expect(failure.everything).not.toMatch(/t0ken|s3cr3t/);
  });

  it.each([
    [
      'an overload',
      (response) => {
        json(response, 503, {});
      },
      'Unavailable',
      /answered with status 503/,
    ],
    [
      'a page',
      (response) => {
        response.end('<p>s3cr3t</p>');
      },
      'Forbidden',
      /did not renew the id-token: unexpected response content-type$/,
    ],
    [
      'no id-token',
      (response) => {
        json(response, 200, { access_token: 'a', token_type: 'Bearer' });
      },
      'Forbidden',
      /has no id-token/,
    ],
  ] as [string, IdentityProvider['answer'], string, RegExp][])(
    'tells what can be retried from what cannot: %s',
    async (_name, answer, type, message) => {
      provider.answer = answer;
      const user = await access();
      const failure = await failureOf(user.credentials());
      expect(failure).toMatchObject({ type, message: expect.stringMatching(message) });
      expect(failure.everything).not.toMatch(/s3cr3t|refresh-0/);
      provider.answer = undefined;
    },
  );

  it('can be tried again once the provider is back', async () => {
    const gone = provider.issuer.replace(/:\d+/, ':1');
    expect(await failureOf((await access({ 'idp-issuer-url': gone })).credentials())).toMatchObject({ type: 'Unavailable' });
    provider.answer = (response) => response.destroy();
    const user = await access({ 'refresh-token': 'refresh-1' });
    expect(await failureOf(user.credentials())).toMatchObject({ type: 'Unavailable' });
    provider.answer = undefined;
    await expect(user.credentials()).resolves.toBeDefined();
  });

  it('refuses a token of another issuer', async () => {
    provider.discovery = { issuer: 'https://evil.example.com' };
    const failure = await failureOf((await access()).credentials());
    expect(failure.message).toMatch(/issuer/);
    expect(provider.requests).toHaveLength(0);
  });

  it.each(['gcp', 'azure'])('refuses auth-provider %s', async (name) => {
    const failure = await failureOf(
      load(await folder.file(kubeconfig({ user: { 'auth-provider': { name, config: { 'access-token': 's3cr3t' } } } }))),
    );
    expect(failure).toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining(`auth-provider "${name}"`),
      advice: 'use an exec plugin',
    });
    expect(failure.everything).not.toContain('s3cr3t');
  });
});
