import { spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { stopTemporal } from '../../sandbox/temporal-server.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { saveLocation } from '../../workers/configuration.ts';
import { createRepository } from '../../workers/location-keys.ts';
import { EtcdCluster } from '../support/etcd-cluster.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OTHER_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

let folder: string;
let etcd: EtcdCluster;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-kubeadm-'));
  for (const name of ['state', 'location']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'temporal.toml'), '[profile.default]\n');
  const location = { name: 'main', url: `file://${join(folder, 'location')}`, key: { file: join(folder, 'key') } };
  await createRepository(location, new FilesystemStore(join(folder, 'location')));
  await saveLocation(location, join(folder, 'config.yaml'));
  env = environment();
  etcd = await EtcdCluster.start({ members: 3 });
  for (const index of etcd.members.keys()) await layOut(index);
}, 120_000);

afterAll(async () => {
  await stopTemporal(join(folder, 'state', 'temporal'));
  await etcd.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('the runbook for kubeadm', () => {
  it('brings back the etcd of three nodes that have lost it', async () => {
    const [stop, restore, start, rest, ...more] = await blocks();
    expect(more).toEqual([]);
    const client = await etcd.client();
    await client.put('before').value('the loss');
    await command(['holdfast', 'etcd', 'backup', 'nightly', '--cluster', 'prod', ...etcd.flags()].join(' '));
    await client.put('after').value('the backup');
    await etcd.killAll();

    await onEveryNode(stop!);
    await onEveryNode(restore!);
    await onEveryNode(start!);
    await etcd.serves();
    await onEveryNode(rest!);

    for (const index of etcd.members.keys()) {
      expect((await readdir(join(node(index), 'etc/kubernetes/manifests'))).sort()).toEqual(
        ['etcd', ...OTHER_PODS].map((name) => `${name}.yaml`).sort(),
      );
    }
    const again = await etcd.client();
    expect(await again.get('before').string()).toBe('the loss');
    expect(await again.get('after').string()).toBeNull();
    const { members } = await again.cluster.memberList({ linearizable: true });
    expect(members.map(({ name }) => name).sort()).toEqual(['m1', 'm2', 'm3']);
    const { header } = await again.put('works').value('again');
    expect(BigInt(header.revision)).toBeGreaterThan(1_000_000_000n);
  }, 240_000);
});

/** The folder that stands for the root of a node. */
function node(index: number): string {
  return join(folder, 'nodes', `${index}`);
}

/** Manifests as kubeadm leaves them: each member names those that had joined when it did, and the first one no state. */
async function layOut(index: number): Promise<void> {
  const manifests = join(node(index), 'etc/kubernetes/manifests');
  const dataDir = join(node(index), 'var/lib/etcd');
  await mkdir(manifests, { recursive: true });
  await mkdir(join(dataDir, 'member'), { recursive: true });
  const joined = etcd.initialCluster.split(',').slice(0, index + 1);
  const initial = [`--initial-cluster=${joined.join(',')}`, ...(index === 0 ? [] : ['--initial-cluster-state=existing'])];
  const words = ['etcd', ...etcd.argumentsOf(etcd.members[index]!, dataDir), ...initial];
  await writeFile(join(manifests, 'etcd.yaml'), manifest('etcd', words));
  for (const name of OTHER_PODS) await writeFile(join(manifests, `${name}.yaml`), manifest(name, [name]));
}

function manifest(name: string, words: readonly string[]): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system' },
    spec: { containers: [{ name, command: words }] },
  });
}

/** The shell blocks of the runbook, one a step. */
async function blocks(): Promise<readonly string[]> {
  const page = await readFile(join(ROOT, 'docs', 'etcd.md'), 'utf8');
  const [section = ''] = /^## Runbook: kubeadm\n[^]*?(?=^## )/m.exec(page) ?? [];
  return [...section.matchAll(/^ *```sh\n([^]*?)^ *```$/gm)].map(([, block = '']) => block);
}

/** One node after the other, each with its kubelet. */
async function onEveryNode(block: string): Promise<void> {
  for (const [index, { name }] of etcd.members.entries()) {
    const words = block.replaceAll('BACKUP', 'nightly').replaceAll('NODE', name).replaceAll('TOKEN', 'second');
    await command(words.replaceAll(/\/(etc\/kubernetes|var\/lib)\b/g, `${node(index)}/$1`));
    await actAsKubelet(index);
  }
}

/** Runs what the manifest of etcd says when it is there, and ends it when it is not. */
async function actAsKubelet(index: number): Promise<void> {
  const file = join(node(index), 'etc/kubernetes/manifests/etcd.yaml');
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) await etcd.end(index);
  else if (!etcd.isRunning(index)) {
    const { spec } = parse(await readFile(file, 'utf8')) as { spec: { containers: readonly { command: readonly string[] }[] } };
    await etcd.runWith(index, spec.containers[0]!.command.slice(1));
  }
}

async function command(words: string): Promise<void> {
  const shell = spawn('sh', ['-euc', words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    new Promise((resolve) => shell.once('close', resolve)),
  ]);
  expect({ words, code, said: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({ words, code: 0, said: '' });
}

function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_OPTIONS$|TEMPORAL_|ETCDCTL_|HOLDFAST_(CONFIG|STATE_DIR|DEBUG)$|KUBECONFIG$)/.test(name),
  );
  return {
    ...Object.fromEntries(own),
    PATH: `${join(ROOT, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOLDFAST_CONFIG: join(folder, 'config.yaml'),
    HOLDFAST_STATE_DIR: join(folder, 'state'),
    KUBECONFIG: join(folder, 'no-kubeconfig'),
    TEMPORAL_CONFIG_FILE: join(folder, 'temporal.toml'),
    NO_COLOR: '1',
  };
}
