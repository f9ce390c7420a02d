import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectCluster } from '../../kubernetes/api-cluster.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { ensureRepository } from '../../movers/ensure-repository.ts';
import { LocalRestic } from '../../movers/local-restic.ts';
import { PodMover } from '../../movers/pod-mover.ts';
import type { MoveOptions, VolumeRepository } from '../../movers/port.ts';
import { volumeRepository } from '../../movers/volume-repository.ts';
import { NODE_NAME } from '../../sandbox/node/node-place.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { moverContract } from '../contract/mover.suite.ts';
import { bindVolume, podTrial } from '../movers/pod-trial.ts';
import { startTestNode, startTestS3 } from '../support/sandbox-env.ts';

const BUCKET = 'volumes-test';
const MB = 1024 * 1024;
const settings = { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never', pollMs: 200 } as const;
const quiet: MoveOptions = { signal: new AbortController().signal, onProgress: () => undefined };
let node: Awaited<ReturnType<typeof startTestNode>>;
let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-mover-pod-'));
  node = await startTestNode();
  cluster = await connectCluster({ name: 'test', kubeconfig: node.kubeconfigPath, context: node.context });
}, 600_000);

afterAll(async () => {
  await cluster.close();
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ensure(repository: VolumeRepository): Promise<void> {
  const restic = new LocalRestic({ restic: (await resolveTools(['restic'])).get('restic') ?? '', scratch: join(folder, 'scratch') });
  await ensureRepository(restic, repository, { ...quiet, patienceMs: 0 });
}

moverContract('pod, repository in a bucket', async () => {
  const server = await startTestS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const keys = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  const place = { scheme: 's3', bucket: BUCKET, prefix: '' } as const;
  const password = randomBytes(16).toString('hex');
  // The same server by the address that it has here, and by the one that it has in pods.
  const inside = endpoint.replace('127.0.0.1', node.place.hostAddress);
  await ensure(volumeRepository({ place, endpoint, region, keys }, 'cluster-1', password));
  const repository = volumeRepository({ place, endpoint: inside, region, keys }, 'cluster-1', password);
  const trial = podTrial({ cluster, settings, repository, stored: join(server.folder, 'buckets', BUCKET) });
  const stop = async () => {
    await trial.stop();
    await server.stop();
  };
  return { ...trial, stop };
});

describe('a mover in a pod, with a location that is a folder', () => {
  it('moves a block device, on the node that it belongs to', async () => {
    const path = join(folder, 'location');
    const repository = volumeRepository({ place: { scheme: 'file', path } }, 'cluster-2', randomBytes(16).toString('hex'));
    await ensure(repository);
    const mover = new PodMover(cluster, { ...settings, location: { path, volume: { hostPath: { path } } } });
    const image = join(folder, 'image');
    const content = randomBytes(8 * MB);
    writeFileSync(image, content);
    const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      const nodeSelectorTerms = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] }] }];
      await bindVolume(cluster, 'block', { local: { path: device }, nodeAffinity: { required: { nodeSelectorTerms } } }, 'Block');
      const source = { kind: 'claim', namespace: 'default', claim: 'block', node: NODE_NAME } as const;
      const task = { id: 'block', source, volumeMode: 'Block', repository } as const;
      const moved = await mover.backup({ ...task, host: 'default/block', backup: 'nightly' }, quiet);
      expect(moved).toMatchObject({ files: 1, bytes: content.length });
      writeFileSync(image, randomBytes(8 * MB));
      execFileSync('blockdev', ['--flushbufs', device]);
      const restored = await mover.restore({ ...task, snapshot: moved.snapshot, path: '/', exact: false, checksum: false }, quiet);
      expect(restored).toEqual({ files: 1, bytes: content.length });
      execFileSync('sync', [image]);
      expect(readFileSync(image).equals(content)).toBe(true);
    } finally {
      execFileSync('losetup', ['--detach', device]);
    }
  });
});
