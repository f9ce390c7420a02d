import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkLocation, loadConfiguration, saveLocation, type Location } from '../../workers/configuration.ts';
import { connectStore } from '../../workers/location-store.ts';

const s3 = (options: Partial<Location>): Location => ({ name: 'a', url: 's3://bucket/prefix', ...options });

describe('options of a location', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-options-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('keeps every option through the configuration file, and no secret in it', async () => {
    process.env['HOLDFAST_TEST_SECRET'] = 'canary-secret';
    const file = join(folder, 'config.yaml');
    const location = s3({
      ...{ endpoint: 'https://host:9000', region: 'r', forcePathStyle: true, caFile: '/ca', checksums: 'when-supported' },
      ...{ conditionalWrites: false, encryption: 'aws:kms', kmsKeyId: 'k', tags: { a: 'b' }, storageClass: 'STANDARD_IA' },
      ...{ requestTimeoutSeconds: 5, lock: { mode: 'governance', days: 7 }, compressionLevel: 9, packSizeMiB: 16 },
      ...{
        accessKeyId: { env: 'HOLDFAST_TEST_SECRET' },
        secretAccessKey: { file: '/secret' },
        roleArn: 'arn:aws:iam::123456789012:role/a',
      },
      maintenance: { profile: 'gc' },
    });
    await saveLocation(checkLocation(location), file);
    expect((await loadConfiguration(file)).locations).toEqual([location]);
    expect(await readFile(file, 'utf8')).not.toContain('canary-secret');
  });

  it.each<[string, Location, RegExp]>([
    ['of another store', s3({ googleKeyFile: '/k' }), /googleKeyFile: is for gs:\/\/, not for s3:\/\//],
    ['of another store, for maintenance', s3({ maintenance: { sasToken: { env: 'A' } } }), /maintenance\.sasToken: is for azblob/],
    ['that names nobody', s3({ maintenance: {} }), /maintenance: names no credentials/],
    ['with two identities', s3({ profile: 'p', accessKeyId: { env: 'A' }, secretAccessKey: { env: 'B' } }), /not both/],
    ['with a session alone', s3({ sessionToken: { env: 'A' } }), /sessionToken: needs/],
    ['with a key and a passphrase', s3({ key: { env: 'A' }, passphrase: { env: 'B' } }), /not both/],
    ['with too many tags', s3({ tags: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`t${String(n)}`, ''])) }), /tags: .*10/],
    ['with credentials in the endpoint', s3({ endpoint: 'https://a:b@host' }), /endpoint/],
    ['for folders', { name: 'a', url: 'file:///x', region: 'r' }, /region: is for s3:\/\/, not for file:\/\//],
  ])('refuses options %s in one line', (_what, location, says) => {
    expect(() => checkLocation(location)).toThrow(says);
    try {
      checkLocation(location);
    } catch (error) {
      expect(error).toMatchObject({ type: 'BadInput', message: expect.not.stringContaining('\n') });
    }
  });

  it('refuses them in the file as well, with the place of the mistake', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'locations:\n- {name: a, url: "file:///a"}\n- {name: b, url: "gs://bucket", tags: {a: b}}\n');
    await expect(loadConfiguration(file)).rejects.toThrow(/wrong\.yaml: locations\.1\.tags: is for s3/);
  });

  it('opens a place with the identity that is asked for', async () => {
    process.env['HOLDFAST_TEST_KEY'] = Buffer.alloc(64, 1).toString('base64');
    process.env['HOLDFAST_TEST_EMPTY'] = ' ';
    const azure: Location = {
      ...{ name: 'z', url: 'azblob://container', account: 'account', accountKey: { env: 'HOLDFAST_TEST_KEY' } },
      maintenance: { accountKey: { env: 'HOLDFAST_TEST_ABSENT' } },
    };
    const store = await connectStore(azure);
    expect(store.place).toMatchObject({ scheme: 'azblob', endpoint: 'https://account.blob.core.windows.net' });
    await store.close();
    await expect(connectStore(azure, { maintenance: true })).rejects.toThrow(/accountKey of location z.*HOLDFAST_TEST_ABSENT/);
    await expect(connectStore({ ...azure, accountKey: { env: 'HOLDFAST_TEST_EMPTY' } })).rejects.toThrow(
      /accountKey of location z: is empty/,
    );
    const declared = await connectStore(s3({ conditionalWrites: false, endpoint: 'http://127.0.0.1:1/' }));
    expect(declared.capabilities.atomicCreate).toBe(false);
    expect(declared.place.endpoint).toBe('http://127.0.0.1:1');
    await declared.close();
  });
});
