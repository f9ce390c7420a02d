import { randomFillSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureInProcess, type CaptureFigures } from '../test/support/capture-process.ts';
import { EtcdCluster } from '../test/support/etcd-cluster.ts';
import { atMost, type Measure } from './bench-report.ts';
import { configurationText, seeded } from './generated-objects.ts';

/** Of the database that is filled: a little more than 500 MB, which the snapshot has. */
const FILLED_BYTES = 500e6;
const VALUE_BYTES = 4_000;
const VALUES_AT_ONCE = 100;
const RANDOM_SHARE = 0.6;
const MEGABYTE = 1e6;
/** What the time may be of etcdctl's. */
const ALLOWED = 1.5;

const SHAPES = [
  { what: 'text like that of ConfigMaps', randomShare: 0 },
  { what: '60 % random bytes', randomShare: RANDOM_SHARE },
] as const;

/** `etcdctl snapshot save` to a disk, and the capture into a repository on it, in turns, of the same etcd with TLS. */
export async function benchEtcd(repetitions: number): Promise<readonly Measure[]> {
  const measures: Measure[] = [];
  for (const shape of SHAPES) measures.push(...(await benchShape(shape, repetitions)));
  return measures;
}

async function benchShape({ what, randomShare }: (typeof SHAPES)[number], repetitions: number): Promise<readonly Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-etcd-'));
  const cluster = await EtcdCluster.start();
  try {
    await fill(cluster, randomShare);
    const saves: number[] = [];
    const captures: CaptureFigures[] = [];
    for (let number = 1; number <= repetitions; number += 1) {
      const seconds = await save(cluster, join(folder, 'saved.db'));
      const figures = await captureOnce(cluster, folder);
      console.error(`bench: ${what}: etcdctl ${seconds.toFixed(2)} s, capture ${figures.seconds.toFixed(2)} s`);
      saves.push(seconds);
      captures.push(figures);
    }
    return measuresOf(what, saves, captures);
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function measuresOf(what: string, saves: readonly number[], captures: readonly CaptureFigures[]): readonly Measure[] {
  const of = (name: string): string => `etcd, ${what}: ${name}`;
  const peak = Math.max(...captures.map(({ peakBytes }) => peakBytes));
  return [
    { what: of('snapshot'), unit: 'MB', values: captures.map(({ etcd }) => etcd.snapshot.bytes / MEGABYTE) },
    { what: of('etcdctl snapshot save'), unit: 's', values: saves },
    { what: of('capture'), unit: 's', values: captures.map(({ seconds }) => seconds) },
    {
      what: of('capture, of etcdctl'),
      unit: 'times',
      values: captures.map(({ seconds }, index) => seconds / (saves[index] ?? Number.NaN)),
      target: atMost(ALLOWED, 'times'),
    },
    { what: of('peak memory of the capture'), unit: 'MB', values: [peak / MEGABYTE] },
  ];
}

async function save(cluster: EtcdCluster, file: string): Promise<number> {
  const began = performance.now();
  await cluster.tool('etcdctl', ['snapshot', 'save', file]);
  const seconds = (performance.now() - began) / 1_000;
  await rm(file);
  return seconds;
}

/** Reads it back, too: the keys in it hash to what the member says. */
async function captureOnce(cluster: EtcdCluster, folder: string): Promise<CaptureFigures> {
  const [location, restored] = [join(folder, 'location'), join(folder, 'restored.db')];
  const [endpoint = ''] = cluster.endpoints;
  const figures = await captureInProcess({ endpoint, files: cluster.files, location, restored });
  const { hash, revision } = figures.etcd;
  const found = JSON.parse(await cluster.tool('etcdutl', ['hashkv', restored, '--rev', revision, '-w', 'json'])) as {
    readonly hash: number;
  };
  if (String(found.hash) !== hash) throw new Error(`the restored snapshot hashes to ${found.hash}, etcd says ${hash}`);
  await rm(location, { recursive: true });
  await rm(restored);
  return figures;
}

async function fill(cluster: EtcdCluster, randomShare: number): Promise<void> {
  const client = await cluster.client();
  const random = seeded(1);
  const noise = Buffer.alloc(Math.round(VALUE_BYTES * randomShare));
  for (let number = 0; number * VALUE_BYTES < FILLED_BYTES;) {
    const puts = Array.from({ length: VALUES_AT_ONCE }, () => {
      const value = Buffer.concat([randomFillSync(noise), Buffer.from(configurationText(random, VALUE_BYTES - noise.length))]);
      number += 1;
      return client.put(`/registry/configmaps/bench/${String(number).padStart(9, '0')}`).value(value);
    });
    await client
      .if('/registry/none', 'Create', '==', 0)
      .then(...puts)
      .commit();
  }
}
