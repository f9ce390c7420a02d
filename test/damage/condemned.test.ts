import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkLocation, type CheckResult } from '../../repository/check/check-location.ts';
import type { Witness } from '../../repository/check/witness.ts';
import type { GcOptions } from '../../repository/gc/report.ts';
import { fileHeader } from '../../repository/file-header.ts';
import type { Repository } from '../../repository/repository.ts';
import { backUpSeeds, gc, restoreSeeds, store } from '../repository/gc/places.ts';
import { HOUR, TimedStore } from '../repository/gc/timed-store.ts';
import { newRepository, quickOpen, sampleManifest } from '../repository/samples.ts';
import { randomFrom, seedOfRun } from './seeded-random.ts';

/**
 * What garbage collection has condemned, damaged in every way and at every stage of a collection: checks find it, restores do not need it,
 * backups wait for another one or do without it, and no collection deletes by it what a backup needs.
 */
const LIST = /^condemned\/\d{8}$/;
/** More than one grace. */
const LATER = 80 * HOUR;

interface Stage {
  readonly name: string;
  readonly place: TimedStore;
  /** What each backup that is there holds. */
  readonly backups: Readonly<Record<string, readonly number[]>>;
  /** An earlier list with its name, from the time before. */
  readonly earlier: readonly [string, Buffer] | undefined;
}

let stages: readonly Stage[];
let foreign: Buffer;

/** By the repository's id. */
const identities = new Map<string, string>();

function identityOf(place: TimedStore): string {
  const { id } = JSON.parse(String(place.objects.get('repository.json'))) as { readonly id: string };
  return identities.get(id) ?? '';
}

const open = (place: TimedStore): Promise<Repository> => quickOpen(place, identityOf(place));
const listsOf = (place: TimedStore): string[] => place.keys('condemned/');
const newestOf = (place: TimedStore): string => listsOf(place).at(-1) ?? '';
const bytesOf = (place: TimedStore, key: string): Buffer => Buffer.from(place.objects.get(key) ?? []);

/**
 * Backups a (1 to 4), b (3 to 6) and c (7), of which c is deleted and has been condemned. `meanwhile` is committed then by a backup that has begun before,
 * and shares what c alone has needed.
 */
async function condemned(meanwhile = ''): Promise<TimedStore> {
  const place = new TimedStore();
  const { id, identity } = await newRepository(place);
  identities.set(id, identity);
  await backUpSeeds(await open(place), 'a', [1, 2, 3, 4]);
  await backUpSeeds(await open(place), 'b', [3, 4, 5, 6]);
  await backUpSeeds(await open(place), 'c', [7]);
  await (await open(place)).deleteBackups(['c']);
  place.pass(100 * HOUR);
  const writer = await open(place);
  const part = await store(writer, [7]);
  await gc(await open(place));
  if (meanwhile !== '') await writer.commit(sampleManifest(meanwhile, [part]));
  expect(listsOf(place)).toEqual(['condemned/00000001']);
  return place;
}

beforeAll(async () => {
  const other = await condemned();
  foreign = bytesOf(other, newestOf(other));

  const waiting = await condemned();
  const both = { a: [1, 2, 3, 4], b: [3, 4, 5, 6] };
  const newest = (place: TimedStore): readonly [string, Buffer] => [newestOf(place), bytesOf(place, newestOf(place))];

  const acquitted = await condemned('again');
  const before = newest(acquitted);
  acquitted.pass(LATER);
  expect((await gc(await open(acquitted))).acquitted).toBe(1);

  // Condemned, deleted, and a lock has kept it.
  const left = waiting.copy();
  left.pass(LATER);
  const forever = new Date(left.now + 1_000 * LATER).toISOString();
  for (const key of left.keys('packs/')) left.locks.set(key, forever);
  await gc(await open(left));
  expect(newestOf(left)).not.toBe(newestOf(waiting));

  stages = [
    { name: 'condemned', place: waiting, backups: both, earlier: undefined },
    { name: 'needed again', place: acquitted, backups: { ...both, again: [7] }, earlier: before },
    { name: 'left by a lock', place: left, backups: both, earlier: newest(waiting) },
  ];
});

type Damage = readonly [about: string, spoil: (stage: Stage, place: TimedStore) => void];

function change(how: (body: Buffer) => Buffer): Damage[1] {
  return (_stage, place) => place.objects.set(newestOf(place), how(bytesOf(place, newestOf(place))));
}

function flips(): Damage[] {
  const random = randomFrom(seedOfRun());
  const places = [0, 4, 5, 6, 7, 11, 22, 23, ...Array.from({ length: 8 }, () => random(100)), -1, -5];
  return places.map((at): Damage => [
    `bit flipped at ${at}`,
    change((body) => {
      const index = at < 0 ? body.length + at : at % body.length;
      body[index] = (body[index] ?? 0) ^ (1 << random(8));
      return body;
    }),
  ]);
}

/** Always seen, from the list itself. */
const BAD_CONTENT: readonly Damage[] = [
  ...flips(),
  ['cut to its header', change((body) => body.subarray(0, 6))],
  ['cut by one byte', change((body) => body.subarray(0, -1))],
  ['empty', change(() => Buffer.alloc(0))],
  ['of another repository', change(() => foreign)],
  ['of another kind of file', (_stage, place) => place.objects.set(newestOf(place), bytesOf(place, place.keys('index/')[0] ?? ''))],
  ['of a newer format, as it seems', change((body) => Buffer.concat([fileHeader('C').subarray(0, 5), Buffer.of(9), body.subarray(6)]))],
  [
    'replaced by its predecessor, under its own name',
    ({ earlier }, place) => place.objects.set(newestOf(place), earlier?.[1] ?? Buffer.alloc(0)),
  ],
  ['followed by rubbish', (_stage, place) => place.objects.set('condemned/00000077', Buffer.from('rubbish'))],
  ['followed by rubbish at the end of all numbers', (_stage, place) => place.objects.set('condemned/99999999', Buffer.from('rubbish'))],
];

/** Looks right from the inside: only who remembers a newer list can tell. */
const SET_BACK: readonly Damage[] = [
  ['gone', (_stage, place) => place.objects.delete(newestOf(place))],
  [
    'set back to its predecessor',
    ({ earlier }, place) => {
      for (const key of listsOf(place)) place.objects.delete(key);
      if (earlier) place.objects.set(...earlier);
    },
  ],
];

function check(place: TimedStore, witness?: Witness): Promise<CheckResult> {
  const options = { readDataPercent: 100, seed: '00000000', now: () => place.now };
  return checkLocation(place, { identities: [identityOf(place)] }, witness ? { ...options, witness } : options);
}

async function expectWhole(place: TimedStore, backups: Stage['backups'], about: string): Promise<void> {
  for (const [name, seeds] of Object.entries(backups)) {
    expect([about, name, await restoreSeeds(await open(place), name)]).toEqual([about, name, seeds]);
  }
}

/** Collects until nothing changes any more; a collection may stop at damage, and never takes what a backup needs. */
async function collectOften(place: TimedStore, backups: Stage['backups'], about: string): Promise<void> {
  const options: Partial<GcOptions> = {};
  for (let times = 0; times < 4; times++) {
    await gc(await open(place), options);
    await expectWhole(place, backups, `${about}, collection ${times}`);
    place.pass(LATER);
  }
}

describe('a list of what is condemned', () => {
  it.each(BAD_CONTENT)('that is %s is found, and a collection writes another', async (about, spoil) => {
    for (const stage of stages) {
      const place = stage.place.copy();
      spoil(stage, place);
      const what = `${stage.name}: ${about}`;
      const { report } = await check(place);
      const found = report.findings.filter(({ severity, key }) => severity === 'spare' && LIST.test(key));
      expect([what, report.state, found.length]).toEqual([what, 'blemished', 1]);
      await expectWhole(place, stage.backups, what);

      const writer = await open(place);
      const part = await store(writer, [8]);
      await expect(writer.commit(sampleManifest('late', [part]))).rejects.toMatchObject({
        type: 'Damaged',
        advice: expect.stringContaining('gc'),
      });
      await gc(await open(place));
      await (await open(place)).commit(sampleManifest('late', [part]));
      await collectOften(place, { ...stage.backups, late: [8] }, what);
      expect([what, (await check(place)).report.state]).toEqual([what, 'sound']);
    }
  });

  it.each(SET_BACK)('that is %s is found by what an earlier check saw, and harms nothing', async (about, spoil) => {
    for (const stage of stages) {
      const what = `${stage.name}: ${about}`;
      const place = stage.place.copy();
      const { witness } = await check(place);
      spoil(stage, place);
      const { report } = await check(place, witness);
      expect([what, report.state, report.findings.map(({ code }) => code)]).toEqual([
        what,
        'blemished',
        expect.arrayContaining(['CondemnedListGone']),
      ]);
      const writer = await open(place);
      await writer.commit(sampleManifest('late', [await store(writer, [7, 8])]));
      await collectOften(place, { ...stage.backups, late: [7, 8] }, what);
      expect([what, (await check(place)).report.state]).toEqual([what, 'sound']);
    }
  });

  it('that was set back while a backup runs and got a successor of the same number is read again before the backup is committed', async () => {
    const [, acquitted] = stages;
    const place = acquitted?.place.copy() ?? new TimedStore();
    await (await open(place)).deleteBackups(['again']);
    place.pass(LATER);
    // The writer has read list 2, by which pack 7 may be used.
    const writer = await open(place);
    const part = await store(writer, [7]);
    const number = newestOf(place);
    for (const key of listsOf(place)) place.objects.delete(key);
    if (acquitted?.earlier) place.objects.set(...acquitted.earlier);
    // By list 1 it was condemned long ago: it is doomed at once, by another list 2. The backup comes between the announcement and the deletion.
    let outcome = 'never tried';
    const create = place.create.bind(place);
    place.create = async (key, body, options) => {
      await create(key, body, options);
      if (!key.startsWith('manifests/')) return;
      place.create = create;
      expect(newestOf(place)).toBe(number);
      outcome = await writer.commit(sampleManifest('late', [part])).then(
        () => 'committed',
        (error: unknown) => (error as { type: string }).type,
      );
    };
    await gc(await open(place));
    expect(outcome).toBe('Conflict');
    await collectOften(place, { a: [1, 2, 3, 4], b: [3, 4, 5, 6] }, 'set back');
  });
});
