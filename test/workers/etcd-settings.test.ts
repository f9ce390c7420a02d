import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterSettings, etcdSettings } from '../../workers/etcd-settings.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-etcd-settings-'));
  await writeFile(join(folder, 'ca.crt'), '-----BEGIN CERTIFICATE-----\n');
  await writeFile(join(folder, 'password'), 'from a file\n');
  await writeFile(join(folder, 'noise'), 'noise');
});
afterAll(() => rm(folder, { recursive: true }));

const sources = { cluster: 'prod', access: undefined, clusters: undefined, environment: {} };

describe('how an etcd is reached', () => {
  it('is what the configuration says of the cluster, user and password included', async () => {
    const clusters = {
      prod: ClusterSettings.parse({
        etcd: {
          endpoints: ['https://a:2379'],
          caFile: join(folder, 'ca.crt'),
          username: 'root',
          password: { file: join(folder, 'password') },
        },
      }),
    };
    expect(await etcdSettings({ ...sources, clusters })).toEqual({
      endpoints: ['https://a:2379'],
      authority: Buffer.from('-----BEGIN CERTIFICATE-----\n'),
      user: { name: 'root', password: 'from a file' },
    });
  });

  it('is what the request says, where it says something; the user is etcdctl’s where the configuration names none', async () => {
    const clusters = { prod: ClusterSettings.parse({ etcd: { endpoints: ['https://a:2379'] } }) };
    const settings = await etcdSettings({
      cluster: 'prod',
      access: { endpoints: ['http://b:2379'] },
      clusters,
      environment: { ETCDCTL_USER: 'me:pass:word' },
    });
    expect(settings).toEqual({ endpoints: ['http://b:2379'], user: { name: 'me', password: 'pass:word' } });
    const apart = await etcdSettings({ ...sources, clusters, environment: { ETCDCTL_USER: 'me', ETCDCTL_PASSWORD: 'x' } });
    expect(apart.user).toEqual({ name: 'me', password: 'x' });
  });

  it('is refused in one line when it is not said, or a file is not what it should be', async () => {
    await expect(etcdSettings(sources)).rejects.toMatchObject({
      type: 'BadInput',
      advice: 'give --endpoints, or clusters.prod.etcd in the configuration',
    });
    const endpoints = ['https://a:2379'];
    const withAccess = (more: object) => etcdSettings({ ...sources, access: { endpoints, ...more } });
    await expect(withAccess({ caFile: join(folder, 'none') })).rejects.toMatchObject({
      message: `etcd: ${join(folder, 'none')} cannot be read (ENOENT)`,
    });
    await expect(withAccess({ caFile: join(folder, 'noise') })).rejects.toMatchObject({
      message: `etcd: ${join(folder, 'noise')} is not PEM`,
    });
    await expect(withAccess({ certFile: 'x' })).rejects.toMatchObject({ type: 'BadInput', advice: 'give both --cert and --key' });
    expect(() => ClusterSettings.parse({ etcd: { endpoints: ['a:2379'] } })).toThrow('is no http(s)://host:port');
    expect(() => ClusterSettings.parse({ controlPlaneFiles: { pki: 'pki', manifests: '/m' } })).toThrow('is no absolute path');
  });
});
