import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';

const BUCKET = 'locking';
const DAY_MS = 86_400_000;
/** Stores keep the end of a lock in whole seconds. */
const SECOND_MS = 1_000;
const GC = 'repository gc --grace 0s --no-running-backups';

interface Kept {
  /** Of each version that is there; nothing may ever have a second one. */
  readonly version: string;
  readonly etag: string;
  readonly mode: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Everything below a folder of the bucket, as the store itself describes it. */
async function keptIn(s3: S3Client, folder: string): Promise<Map<string, Kept>> {
  const found = new Map<string, Kept>();
  const listed = await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: `${folder}/` }));
  expect([listed.IsTruncated, listed.DeleteMarkers ?? []]).toEqual([false, []]);
  for (const { Key = '', VersionId = '', ETag = '' } of listed.Versions ?? []) {
    const head = await s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key, VersionId }));
    const key = Key.slice(folder.length + 1);
    expect(found.has(key) ? `${key} has two versions` : '').toBe('');
    const until = head.ObjectLockRetainUntilDate?.getTime() ?? 0;
    found.set(key, { version: VersionId, etag: ETag, mode: head.ObjectLockMode ?? '', until });
  }
  return found;
}

const kindsIn = (keys: Iterable<string>): string[] => [...new Set([...keys].map((key) => key.split('/')[0] ?? ''))].sort();
const contents = (kept: ReadonlyMap<string, Kept>): string[] => [...kept].map(([key, { version, etag }]) => `${key} ${version} ${etag}`);

describe('a location whose objects are locked', () => {
  let place: TestPlace;
  let s3: S3Client;

  beforeAll(async () => {
    place = await TestPlace.open({ s3: true });
    const { endpoint = '', region = '', accessKeyId = '', secretAccessKey = '' } = place.s3 ?? {};
    s3 = new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }));
    for (const mode of ['governance', 'compliance']) await addLocked(mode);
    for (const name of ['kept', 'passing']) {
      await place.api.create(namespace(name));
      for (let index = 0; index < 5; index++) await place.api.create(configMap(name, `c-${index}`, { text: `${name} ${index}` }));
    }
    await place.startWorker();
  }, 240_000);

  afterAll(async () => {
    s3.destroy();
    await place.close();
  }, 60_000);

  const hold = (line: string) => place.run(line.split(' '));

  async function addLocked(mode: string): Promise<void> {
    const server = ['--endpoint', place.s3?.endpoint ?? '', '--region', place.s3?.region ?? '', '--path-style'];
    const lock = ['--lock-mode', mode, '--lock-days', '1', '--key-file', join(place.folder, `${mode}.key`)];
    expect(await place.run(['location', 'add', mode, `s3://${BUCKET}/${mode}`, ...server, ...lock])).toMatchObject({ code: 0 });
    expect(await hold(`repository init --location ${mode} --recovery-key-kept`)).toMatchObject({ code: 0 });
  }

  async function collected(location: string) {
    const { code, stdout } = await hold(`${GC} --location ${location} -o json`);
    expect(code).toBe(0);
    return SCHEMAS['repository-gc'].parse(JSON.parse(stdout));
  }

  /** The store's own words for what it does with somebody who has every right and wants an object gone, or another in its place. */
  async function attack(location: string, key: string, version: string): Promise<void> {
    const at = { Bucket: BUCKET, Key: `${location}/${key}` };
    await expect(s3.send(new DeleteObjectCommand({ ...at, VersionId: version }))).rejects.toThrow(/lock|WORM|denied/i);
    await expect(s3.send(new PutObjectCommand({ ...at, Body: 'rubbish', IfNoneMatch: '*' }))).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
  }

  it.each(['governance', 'compliance'])('in %s mode locks what it stores, extends it, and deletes nothing early', async (mode) => {
    const began = Date.now();
    expect(await hold(`backup create first --location ${mode} -n kept --wait`)).toMatchObject({ code: 0 });
    const first = await keptIn(s3, mode);
    expect(kindsIn(first.keys())).toEqual(['index', 'keys', 'manifests', 'packs', 'records', 'repository.json']);
    for (const [key, kept] of first) {
      expect([key, kept.mode]).toEqual([key, mode.toUpperCase()]);
      // The key files and the configuration are older than the backup, and are locked anew by it; accounts of what was done are not.
      const renewed = !key.startsWith('records/');
      expect([key, kept.until >= began + DAY_MS - SECOND_MS, kept.until <= Date.now() + DAY_MS]).toEqual([key, renewed, true]);
    }

    await delay(3 * SECOND_MS);
    const again = Date.now();
    expect(await hold(`backup create second --location ${mode} -n kept --wait`)).toMatchObject({ code: 0 });
    const second = await keptIn(s3, mode);
    const added = [...second.keys()].filter((key) => !first.has(key));
    expect(kindsIn(added)).not.toContain('packs');
    expect(contents(second).filter((line) => !added.some((key) => line.startsWith(key)))).toEqual(contents(first));
    for (const [key, { mode: kept, until }] of second) {
      const shared = key !== 'manifests/00000001' && !(first.has(key) && key.startsWith('records/'));
      expect([key, kept, until >= again + DAY_MS - SECOND_MS]).toEqual([key, mode.toUpperCase(), shared]);
    }

    expect(await hold(`backup create gone --location ${mode} -n passing --wait`)).toMatchObject({ code: 0 });
    const before = await keptIn(s3, mode);
    const deleted = await hold(`backup delete gone --location ${mode} --confirm`);
    expect(deleted).toMatchObject({ code: 0, stdout: 'backup "gone" deleted\n' });
    const manifest = before.get('manifests/00000003');
    const locked = new Date(manifest?.until ?? 0).toISOString();
    expect(deleted.stderr).toContain(`the store has locked the file of backup "gone" until ${locked}: gc removes it later`);
    expect((await hold(`backup get -o name --location ${mode}`)).stdout).toBe('backup/second\nbackup/first\n');

    for (const how of ['--dry-run', '']) {
      const text = await hold(`${GC} --location ${mode} ${how}`.trim());
      expect(text).toMatchObject({ code: 0 });
      expect(text.stdout).toMatch(/packs +to be deleted, locked by the store +\d+ +[\d,]+ +\d{4}-/);
      expect(text.stderr).toMatch(/\d objects left: the store has locked them/);
    }
    const report = await collected(mode);
    expect(kindsIn(report.locked.map(({ key }) => key))).toEqual(expect.arrayContaining(['index', 'manifests', 'packs']));
    const after = await keptIn(s3, mode);
    for (const { key, until } of report.locked) expect([key, until]).toEqual([key, new Date(after.get(key)?.until ?? 0).toISOString()]);
    expect(contents(after)).toEqual(expect.arrayContaining(contents(before)));
    await attack(mode, 'manifests/00000003', manifest?.version ?? '');
    await attack(mode, 'repository.json', before.get('repository.json')?.version ?? '');
    expect(await hold(`repository check --read-data --location ${mode}`)).toMatchObject({ code: 0 });
    expect((await hold(`restore plan --location ${mode} --from-backup second`)).stdout).toMatch(/unchanged/);
  });

  it('takes what it had to leave when the lock has ended', async () => {
    const { locked } = await collected('governance');
    expect(locked.length).toBeGreaterThan(0);
    // Who may lift locks of this mode ends them now: as if a day had passed.
    const soon = new Date(Math.ceil(Date.now() / SECOND_MS) * SECOND_MS + 2 * SECOND_MS);
    for (const { key } of locked) {
      const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: soon } as const;
      const Key = `governance/${key}`;
      await s3.send(new PutObjectRetentionCommand({ Bucket: BUCKET, Key, Retention, BypassGovernanceRetention: true }));
    }
    await delay(soon.getTime() - Date.now() + 2 * SECOND_MS);
    const { rows } = await collected('governance');
    expect(rows.filter(({ fate }) => fate === 'deleted').map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['packs', 'indexes', 'manifests']),
    );
    const left = await keptIn(s3, 'governance');
    const packs = locked.map(({ key }) => key).filter((key) => key.startsWith('packs/'));
    expect(packs.filter((key) => left.has(key))).toEqual([]);
    expect(await hold('repository check --read-data --location governance')).toMatchObject({ code: 0 });
    expect((await hold('restore plan --location governance --from-backup first')).stdout).toMatch(/unchanged/);
  });

  it('is found to lock by location check, which names what it could not remove', async () => {
    const { code, stdout } = await hold('location check compliance -o json');
    expect(code).toBe(0);
    const { findings, leftBehind } = SCHEMAS['location-check'].parse(JSON.parse(stdout));
    expect(findings).toContainEqual(expect.objectContaining({ check: 'object lock', level: 'ok' }));
    expect(findings).toContainEqual(expect.objectContaining({ check: 'deletion', level: 'ok', detail: 'is refused by a lock' }));
    // It tries to replace an object of its own as well: the earlier version is kept, so one name is there twice.
    const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: 'compliance/checks/' }));
    const there = new Set(Versions.map(({ Key = '' }) => Key.slice('compliance/'.length)));
    expect(there.size).toBeGreaterThan(0);
    expect(leftBehind.toSorted()).toEqual([...there].sort());
    // A bucket that was not made for locks is no place for such a location.
    const server = ['--endpoint', place.s3?.endpoint ?? '', '--region', place.s3?.region ?? '', '--path-style'];
    const lock = ['--lock-mode', 'compliance', '--lock-days', '1', '--key-file', join(place.folder, 'compliance.key')];
    expect(await place.run(['location', 'add', 'unlocked', 's3://backups/unlocked', ...server, ...lock])).toMatchObject({ code: 0 });
    const refused = await hold('location check unlocked -o json');
    const unlocked = SCHEMAS['location-check'].parse(JSON.parse(refused.stdout));
    expect([refused.code, unlocked.usable]).toEqual([5, false]);
    expect(unlocked.findings.filter(({ level }) => level === 'error').length).toBeGreaterThan(0);
  });
});
