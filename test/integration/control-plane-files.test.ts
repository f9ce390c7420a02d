import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { controlPlaneFiles } from '../../activities/etcd/control-plane-files.ts';
import { controlPlaneFilesFor } from '../../cli/etcd/unpack-control-plane-files.ts';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { PodNodeFiles } from '../../movers/node-files-pod.ts';
import { NODE_NAME } from '../../sandbox/node/node-place.ts';
import { stopTemporal } from '../../sandbox/temporal-server.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { saveLocation } from '../../workers/configuration.ts';
import { createRepository } from '../../workers/location-keys.ts';
import { ChildCommand, type CommandResult } from '../support/child-command.ts';
import { RawApi, until, type PlainObject } from '../support/raw-api.ts';
import { startTestNode } from '../support/sandbox-env.ts';
import { etcdAccess } from '../support/sandbox-snapshot.ts';

const LABEL = 'node-role.kubernetes.io/control-plane';
const settings = { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never', pollMs: 200, startTimeoutMs: 20_000 } as const;
/** More than what the connection holds on the way. */
const LARGE = 'x'.repeat(3_000_000);

let node: Awaited<ReturnType<typeof startTestNode>>;
let api: RawApi;
let cluster: Cluster;
let folder: string;
let folders: { readonly pki: string; readonly manifests: string };

const nodeObject = (name: string): object => ({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { [LABEL]: '' } } });
const label = (value: string | null) => api.mergePatch(nodeObject(NODE_NAME), { metadata: { labels: { [LABEL]: value } } });
const files = (more: Partial<Parameters<typeof controlPlaneFiles>[0]> = {}) =>
  controlPlaneFiles({
    cluster,
    nodeFiles: new PodNodeFiles(cluster, settings),
    runId: 'run-1',
    signal: new AbortController().signal,
    folders,
    ...more,
  });
const pods = async (): Promise<readonly PlainObject[]> =>
  ((await api.json('GET', '/api/v1/namespaces/kube-system/pods'))['items'] ?? []) as readonly PlainObject[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-control-plane-'));
  folders = { pki: join(folder, 'pki'), manifests: join(folder, 'manifests') };
  await mkdir(join(folders.pki, 'etcd'), { recursive: true });
  await mkdir(folders.manifests);
  await writeFile(join(folders.pki, 'ca.key'), 'the key', { mode: 0o600 });
  await writeFile(join(folders.pki, 'etcd', 'ca.crt'), LARGE, { mode: 0o644 });
  await writeFile(join(folders.manifests, 'etcd.yaml'), 'the pod', { mode: 0o600 });
  node = await startTestNode();
  api = await RawApi.open(node.kubeconfigPath);
  cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
}, 600_000);

afterAll(async () => {
  await cluster.close();
  api.close();
  await stopTemporal(join(folder, 'state', 'temporal'));
  await node.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}, 120_000);

describe("a control plane's files", () => {
  it('are not to be had where no node says that it is of the control plane', async () => {
    await expect(files()).rejects.toMatchObject({
      type: 'BadInput',
      message: 'cluster test shows no control-plane node, so its files cannot be read',
    });
    expect(await pods()).toEqual([]);
  });

  it('are read from the node, past its taints, with their modes, and nothing is left in the cluster', async () => {
    await label('');
    await api.mergePatch(nodeObject(NODE_NAME), { spec: { taints: [{ key: LABEL, effect: 'NoExecute' }] } });
    const { content, warnings } = await files();
    expect(warnings).toEqual([]);
    const target = join(folder, 'target');
    expect(await (await controlPlaneFilesFor(target, content))()).toEqual({
      files: ['manifests/etcd.yaml', 'pki/ca.key', 'pki/etcd/ca.crt'],
      leftOut: [],
    });
    expect(await readFile(join(target, 'pki', 'ca.key'), 'utf8')).toBe('the key');
    expect((await stat(join(target, 'pki', 'ca.key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(target, 'pki', 'etcd', 'ca.crt'), 'utf8')).toBe(LARGE);
    expect(await pods()).toEqual([]);
  }, 120_000);

  it('are those of a ready node where there are several, and which one is said', async () => {
    await api.create(nodeObject('another'));
    const { content, warnings } = await files();
    expect(warnings).toEqual([
      {
        code: 'ControlPlaneFilesOfOneNode',
        message: `the control plane's files are those of node ${NODE_NAME}; certificates of its own has each of the others: another`,
      },
    ]);
    // Whoever stops in the middle leaves no pod either.
    for await (const piece of content) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await until('the pod is gone', async () => (await pods()).length === 0);
  }, 120_000);

  it('say what is wrong when a folder is not there', async () => {
    const { content } = await files({
      folders: { ...folders, pki: join(folder, 'none') },
      nodeFiles: new PodNodeFiles(cluster, { ...settings, startTimeoutMs: 4_000 }),
    });
    const read = async () => {
      for await (const piece of content) expect(piece).toBeUndefined();
    };
    await expect(read()).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringMatching(/files of node .*hostPath type check failed/),
    });
    expect(await pods()).toEqual([]);
  }, 120_000);

  it('go from the node into a backup and back into a folder, with two commands', async () => {
    const holdfast = await commandLine();
    const { endpoint, caFile, certFile, keyFile } = await etcdAccess(node.folder);
    const access = ['--endpoints', endpoint, '--cacert', caFile, '--cert', certFile, '--key', keyFile];
    const backedUp = await holdfast('etcd', 'backup', 'whole', '--control-plane-files', ...access);
    expect(backedUp).toMatchObject({ code: 0 });
    expect(backedUp.stdout + backedUp.stderr).toContain('those of node');
    expect(await pods()).toEqual([]);

    const [data, target] = [join(folder, 'etcd-restored'), join(folder, 'kubernetes')];
    const restored = await holdfast('etcd', 'restore', 'whole', '--data-dir', data, '--control-plane-files', target);
    expect(restored).toMatchObject({ code: 0 });
    expect(await readdir(data)).toEqual(['member']);
    expect(await filesBelow(target)).toEqual({
      ...(await filesBelow(folders.pki, 'pki/')),
      ...(await filesBelow(folders.manifests, 'manifests/')),
    });
    // The key of the cluster's authority is nowhere in plain text.
    for (const content of Object.values(await filesBelow(join(folder, 'location')))) expect(content).not.toContain('the key');

    const again = await holdfast('etcd', 'restore', 'whole', '--data-dir', `${data}-2`, '--control-plane-files', target);
    expect(again.code).toBe(2);
    expect(await readdir(folder)).not.toContain('etcd-restored-2');
  }, 240_000);
});

/** Commands with a location of their own, for the cluster of the test; its node keeps its files where the configuration says. */
async function commandLine(): Promise<(...words: readonly string[]) => Promise<CommandResult>> {
  const config = join(folder, 'config.yaml');
  const location = { name: 'main', url: `file://${join(folder, 'location')}`, key: { file: join(folder, 'key') } };
  const { image, imagePullPolicy } = settings;
  await writeFile(
    config,
    JSON.stringify({ movers: { image, imagePullPolicy }, clusters: { [node.context]: { controlPlaneFiles: folders } } }),
  );
  await mkdir(join(folder, 'location'));
  await createRepository(location, new FilesystemStore(join(folder, 'location')));
  await saveLocation(location, config);
  await writeFile(join(folder, 'temporal.toml'), '[profile.default]\n');
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|ETCDCTL_|HOLDFAST_(CONFIG|STATE_DIR|DEBUG)$|KUBECONFIG$)/.test(name),
  );
  const env = {
    ...Object.fromEntries(own),
    HOLDFAST_CONFIG: config,
    HOLDFAST_STATE_DIR: join(folder, 'state'),
    KUBECONFIG: node.kubeconfigPath,
    TEMPORAL_CONFIG_FILE: join(folder, 'temporal.toml'),
    NO_COLOR: '1',
  };
  return (...words) => new ChildCommand(words, env).ended;
}

/** Mode and content of every file below a folder, by its path in it. */
async function filesBelow(root: string, prefix = ''): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    found[`${prefix}${relative(root, file)}`] = `${((await stat(file)).mode & 0o777).toString(8)} ${await readFile(file, 'latin1')}`;
  }
  return found;
}
