import { createHash, randomBytes } from 'node:crypto';
import { HoldfastError } from '../contracts/failures.ts';
import type { ByteRange, LargeSource } from './object-store.ts';
import type { StoreProbe } from './store-check.ts';

/** Three parts at every store. */
const LARGE_BYTES = 20 * 1024 * 1024;
const LATENCY_SAMPLES = 5;

export async function checkReach(probe: StoreProbe): Promise<void> {
  const { store, call } = probe;
  try {
    // A folder that is missing is perhaps a disk that is not mounted: to make it would hide that.
    if (store.place.scheme === 'file') await store.list('checks/', call)[Symbol.asyncIterator]().next();
    else await store.prepare(call);
    probe.ok('reach', 'the place is there and the credentials are accepted');
  } catch (error) {
    probe.failed('reach', error, 'reach');
  }
}

/** Create, read back, ranges, and that nothing is created twice. */
export async function checkObjects(probe: StoreProbe): Promise<void> {
  const { store, call } = probe;
  const key = probe.key('object');
  const body = randomBytes(1000);
  try {
    await store.create(key, body, call);
  } catch (error) {
    probe.failed('write', error, 'write');
    return;
  }
  probe.ok('write', 'objects can be created');
  try {
    const whole = await store.read(key, undefined, call);
    const part = await store.read(key, { offset: 100, length: 50 }, call);
    if (whole.equals(body) && part.equals(body.subarray(100, 150))) probe.ok('read', 'what was written is read back, whole and in ranges');
    else probe.error('read', 'what was read is not what was written', 'do not keep backups here');
  } catch (error) {
    probe.failed('read', error, 'read');
    return;
  }
  await checkCreateOnly(probe, key, body);
}

async function checkCreateOnly(probe: StoreProbe, key: string, body: Buffer): Promise<void> {
  const { store, call } = probe;
  const bodies = Array.from({ length: 4 }, (_, index) => Buffer.alloc(1000, index));
  const race = probe.key('two-writers');
  const again = await Promise.allSettled([store.create(key, Buffer.alloc(10), call)]);
  const raced = await Promise.allSettled(bodies.map((one) => store.create(race, one, call)));
  const winners = bodies.filter((_, index) => raced[index]?.status === 'fulfilled');
  const kept = (await store.read(key, undefined, call)).equals(body);
  const content = await store.read(race, undefined, call);
  const refused = [...again, ...raced].every((result) => result.status === 'fulfilled' || isType(result.reason, 'AlreadyExists'));
  if (again[0].status === 'fulfilled' || !kept || winners.length > 1) {
    createdTwice(probe);
  } else if (winners.length === 1 && winners.some((winner) => winner.equals(content)) && refused) {
    probe.ok('create-only', 'an object that exists is not created again, also with several writers at once');
  } else {
    probe.error('create-only', 'of several writers at once not exactly one was told that it had won', 'do not keep backups here');
  }
}

function createdTwice(probe: StoreProbe): void {
  if (probe.store.capabilities.atomicCreate) {
    const advice =
      'use a server that knows conditional writes; with `conditionalWrites: false` the place can be used by one writer at a time';
    probe.error('create-only', 'an object that exists was created again: the server ignores the condition If-None-Match', advice);
    return;
  }
  probe.warn('create-only', 'creation is not atomic here, as the location declares', 'let one worker at a time write to this location');
}

export async function checkList(probe: StoreProbe): Promise<void> {
  const { store, call } = probe;
  const names = ['list-', 'list--', 'list-.', 'list-0', 'list-_', 'list-a'];
  try {
    for (const name of names.toReversed()) await store.create(probe.key(name), Buffer.from(name), call);
    const found: string[] = [];
    for await (const { key } of store.list('checks/', { ...call, after: `${probe.prefix}list-` })) {
      if (!key.startsWith(probe.prefix)) break;
      found.push(key.slice(probe.prefix.length));
    }
    if (found.filter((key) => key.startsWith('list-')).join() === names.slice(1).join()) {
      probe.ok('list', 'lists are complete and in order, also from the middle');
    } else {
      probe.error('list', 'lists are not complete or not in the order of keys', 'do not keep backups here');
    }
    await checkMissing(probe);
  } catch (error) {
    probe.failed('list', error, 'list');
  }
}

/** Who may not list gets "access denied" for what is not there, from which no program can tell the two apart. */
async function checkMissing(probe: StoreProbe): Promise<void> {
  const found = await probe.store.stat(`${probe.prefix}missing`, probe.call);
  if (found) probe.error('list', 'an object that nobody made is said to exist', 'do not keep backups here');
}

/** An upload in parts, read back; and how fast both were. */
export async function checkLarge(probe: StoreProbe): Promise<void> {
  const { store, call } = probe;
  const body = randomBytes(LARGE_BYTES);
  const key = probe.key('large');
  const source: LargeSource = {
    sizeBytes: body.length,
    fingerprint: createHash('sha256').update(body).digest('hex'),
    read: ({ offset, length }: ByteRange) => Promise.resolve(body.subarray(offset, offset + length)),
  };
  const times: number[] = [];
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work;
    times.push(performance.now() - started);
    return result;
  };
  try {
    await timed(store.createLarge(key, source, call));
    const back = await timed(store.read(key, undefined, call));
    for (let sample = 0; sample < LATENCY_SAMPLES; sample++) await timed(store.stat(key, call));
    if (back.equals(body)) probe.ok('large objects', 'objects can be created in parts');
    else probe.error('large objects', 'what was read is not what was written', 'do not keep backups here');
    const [upload = 1, download = 1, ...latencies] = times;
    probe.speed = {
      latencyMs: Math.round(latencies.sort((a, b) => a - b)[Math.floor(LATENCY_SAMPLES / 2)] ?? 0),
      uploadBytesPerSecond: Math.round((LARGE_BYTES / upload) * 1000),
      downloadBytesPerSecond: Math.round((LARGE_BYTES / download) * 1000),
    };
  } catch (error) {
    probe.failed('large objects', error, 'write');
  }
}

function isType(error: unknown, type: string): boolean {
  return error instanceof HoldfastError && error.type === type;
}
