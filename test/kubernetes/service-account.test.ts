import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { credentialsOf } from '../../kubernetes/credentials.ts';
import { pickContext } from '../../kubernetes/kubeconfig-context.ts';
import { serviceAccountKubeconfig } from '../../kubernetes/service-account.ts';
import { temporaryFolder, type Folder } from './kubeconfig-fixtures.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  await folder.remove();
});

const contextFor = async (environment: NodeJS.ProcessEnv) =>
  pickContext({ configs: [await serviceAccountKubeconfig(environment, folder.path)], where: 'the pod' }, '');

describe("a pod's service account", () => {
  it('gives address, authority, namespace and the token of now', async () => {
    await folder.file('the authority', 'ca.crt');
    await folder.file('apps\n', 'namespace');
    await folder.file('first\n', 'token');
    const context = await contextFor({ KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' });
    expect(context).toMatchObject({ contextName: 'inClusterContext', namespace: 'apps', cluster: { server: 'https://10.0.0.1:6443' } });
    const read = credentialsOf(context);
    const { headers, tls } = (await read()).credentials;
    expect([headers, tls]).toStrictEqual([{ Authorization: 'Bearer first' }, { ca: Buffer.from('the authority') }]);
    await folder.file('second\n', 'token');
    expect((await read()).credentials.headers).toStrictEqual({ Authorization: 'Bearer second' });
  });

  it('puts an IPv6 address in brackets', async () => {
    const { cluster } = await contextFor({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' });
    expect(new URL(cluster.server).hostname).toBe('[fd00::1]');
  });
});
