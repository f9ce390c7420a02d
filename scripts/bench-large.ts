import { createHash, randomFillSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { initRepository } from '../repository/init.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { startS3, type S3Server } from '../sandbox/s3-server.ts';
import { openStore } from '../storage/open-store.ts';
import { BareApi } from './bare-api.ts';
import { bigNamespace } from './bench-objects.ts';
import { makeBenchPlace } from './bench-place.ts';
import { atMost, type Measure } from './bench-report.ts';
import { runBackup } from './bench-runs.ts';

const OBJECTS = 50_000;
const NAMESPACE = 'bench-large';
const MIB = 1024 * 1024;
const PIECE_BYTES = 4 * MIB;
const STREAM_BYTES = 4 * 1024 * MIB;
/** Where memory is looked at for the first time: N, with four times as much at the end. */
const QUARTER = STREAM_BYTES / 4;
const BUCKET = 'large';
/** How much more may be in memory after four times as much data. */
const FLAT = 1.2;

/** One backup of 50,000 objects, and one stream of 4 GiB, half of it random, through a repository in an S3 server and back. */
export async function benchLarge(): Promise<readonly Measure[]> {
  // The stream first: its memory is that of this process.
  return [...(await benchStream()), ...(await benchObjects())];
}

async function benchObjects(): Promise<readonly Measure[]> {
  const place = await makeBenchPlace(['large']);
  const bare = await BareApi.open(place.kubeconfig);
  try {
    await bare.post([NAMESPACE], bigNamespace(NAMESPACE, OBJECTS));
    const { seconds, result, events } = await runBackup(place, 'large', { name: 'large', namespaces: NAMESPACE });
    const name = (what: string) => `backup of ${OBJECTS.toLocaleString('en')} objects: ${what}`;
    const verifyMs = result.steps.find(({ step }) => step === 'verify')?.durationMs ?? Number.NaN;
    return [
      { what: name('speed'), unit: 'objects/s', values: [result.objectCount / seconds] },
      {
        what: name('verification within it'),
        unit: '% of its time',
        values: [verifyMs / seconds / 10],
        target: atMost(5, '% of its time'),
      },
      { what: name('stored'), unit: 'MB', values: [result.sizes.stored / 1e6] },
      { what: name('history'), unit: 'events', values: [events], target: atMost(500, 'events') },
      { what: name('peak memory of the worker'), unit: 'MB', values: [await place.peakMemory()], target: atMost(400, 'MB') },
    ];
  } finally {
    await bare.close();
    await place.close();
  }
}

async function benchStream(): Promise<readonly Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-large-'));
  const server = await startS3({ folder, accessKeyId: 'bench', secretAccessKey: 'bench-secret' });
  const store = openStore(`s3://${BUCKET}/stream`, s3Options(server));
  try {
    await makeBucket(server);
    const { recoveryKey = '' } = await initRepository(store);
    const written = await writeStream(await openRepository(store, { identities: [recoveryKey] }));
    const read = await readStream(await openRepository(store, { identities: [recoveryKey] }), written.ids);
    if (read.hash !== written.hash) throw new Error('what was read is not what was written');
    const name = (what: string) => `stream of 4 GiB, half of it random: ${what}`;
    return [
      { what: name('write'), unit: 'MB/s', values: [STREAM_BYTES / 1e6 / written.seconds] },
      { what: name('read and compare'), unit: 'MB/s', values: [STREAM_BYTES / 1e6 / read.seconds] },
      { what: name('stored'), unit: '% of the bytes', values: [(100 * written.storedBytes) / STREAM_BYTES] },
      { what: name('peak memory after 1 GiB'), unit: 'MB', values: [written.quarterMemory / 1e6] },
      { what: name('peak memory after 4 GiB'), unit: 'MB', values: [written.memory / 1e6] },
      {
        what: name('memory, 4 GiB against 1 GiB'),
        unit: 'times',
        values: [written.memory / written.quarterMemory],
        target: atMost(FLAT, 'times'),
      },
    ];
  } finally {
    await store.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function writeStream(repository: Repository) {
  const began = performance.now();
  const hash = createHash('sha256');
  const batch = repository.startBatch();
  const ids: string[] = [];
  let [memory, quarterMemory] = [0, 0];
  for (let at = 0; at < STREAM_BYTES; at += PIECE_BYTES) {
    const piece = pieceAt(at);
    hash.update(piece);
    ids.push(batch.add([piece]));
    await batch.ready();
    memory = Math.max(memory, process.memoryUsage.rss());
    if (at < QUARTER) quarterMemory = memory;
  }
  const { storedBytes } = await batch.finish();
  return { ids, hash: hash.digest('hex'), storedBytes, memory, quarterMemory, seconds: (performance.now() - began) / 1_000 };
}

async function readStream(repository: Repository, ids: readonly string[]) {
  const began = performance.now();
  const hash = createHash('sha256');
  for await (const { records } of repository.readSegments(ids)) for (const record of records) hash.update(record);
  return { hash: hash.digest('hex'), seconds: (performance.now() - began) / 1_000 };
}

/** Random bytes, and every other piece one line over and over with its place in the stream. */
function pieceAt(offset: number): Buffer {
  if ((offset / PIECE_BYTES) % 2 === 0) return randomFillSync(Buffer.allocUnsafe(PIECE_BYTES));
  return Buffer.alloc(PIECE_BYTES, `offset ${offset} of a stream that compresses well\n`);
}

function s3Options({ endpoint, region, accessKeyId, secretAccessKey }: S3Server) {
  return { endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } };
}

async function makeBucket(server: S3Server): Promise<void> {
  const client = new S3Client(s3Options(server));
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}
