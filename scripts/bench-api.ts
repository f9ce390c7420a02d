import { BareApi } from './bare-api.ts';
import { bigNamespace, NAMESPACE_PATH, smallNamespace } from './bench-objects.ts';
import { makeBenchPlace, type BenchPlace } from './bench-place.ts';
import { atLeast, atMost, median, type Measure } from './bench-report.ts';
import { runBackup, runRestore, type Timed } from './bench-runs.ts';

export interface ApiBenchOptions {
  readonly repetitions: number;
  /** Objects in the one big namespace. */
  readonly objects: number;
  /** Namespaces with fifty objects each. */
  readonly namespaces: number;
}

const BIG = 'bench-big';
const BARE = 'bench-bare';
const MANY = 'bench-many-';
const PERCENT = 100;

/** Backups and restores of one big namespace and of many small ones, beside what a bare client reaches on the same servers. */
export async function benchApi(options: ApiBenchOptions): Promise<readonly Measure[]> {
  const numbers = Array.from({ length: options.repetitions }, (_, index) => index + 1);
  const place = await makeBenchPlace(numbers.flatMap((number) => [`big-${number}`, `many-${number}`]));
  const bare = await BareApi.open(place.kubeconfig);
  try {
    const big = await benchBig({ place, bare, numbers }, options.objects);
    const many = await benchMany({ place, bare, numbers }, options.namespaces);
    const memory = { what: 'peak memory of the worker', unit: 'MB', values: [await place.peakMemory()], target: atMost(400, 'MB') };
    return [...big, ...many, memory];
  } finally {
    await bare.close();
    await place.close();
  }
}

interface Bench {
  readonly place: BenchPlace;
  readonly bare: BareApi;
  readonly numbers: readonly number[];
}

async function benchBig({ place, bare, numbers }: Bench, count: number): Promise<readonly Measure[]> {
  const paths = ['configmaps', 'secrets'].map((plural) => `${NAMESPACE_PATH}/${BIG}/${plural}`);
  const name = (what: string) => `${count.toLocaleString('en')} objects in one namespace: ${what}`;
  const seen = new Series();
  say(`creating ${count} objects`);
  await bare.post([BIG], bigNamespace(BIG, count));
  for (const number of numbers) {
    const location = `big-${number}`;
    const list = count / (await bare.list(paths));
    const first = await runBackup(place, location, { name: 'first', namespaces: BIG });
    const again = await runBackup(place, location, { name: 'again', namespaces: BIG });
    await bare.removeNamespaces([BIG]);
    const post = count / (await bare.post([BARE], bigNamespace(BARE, count)));
    await bare.removeNamespaces([BARE]);
    const restore = await runRestore(place, location, { name: `big-${number}`, backup: 'first' });
    const backupRate = rate(first, first.result.objectCount);
    const restoreRate = rate(restore, restore.result.counts.create);
    seen.add({
      list,
      post,
      backup: backupRate,
      ofList: (PERCENT * backupRate) / list,
      restore: restoreRate,
      ofPost: (PERCENT * restoreRate) / post,
    });
    seen.add({ again: again.seconds, againPart: (PERCENT * again.seconds) / first.seconds, againBytes: again.result.sizes.stored / 1_000 });
    seen.add({ backupEvents: first.events, restoreEvents: restore.events });
    tellRepetition(number, seen, ['backup', 'restore', 'list', 'post']);
  }
  await bare.removeNamespaces([BIG]);
  return [
    { what: name('bare LIST'), unit: 'objects/s', values: seen.of('list') },
    { what: name('backup'), unit: 'objects/s', values: seen.of('backup'), target: atLeast(4_000, 'objects/s') },
    { what: name('backup, of bare LIST'), unit: '%', values: seen.of('ofList') },
    { what: name('backup again, nothing changed'), unit: 's', values: seen.of('again') },
    { what: name('backup again, of the first'), unit: '% of the time', values: seen.of('againPart'), target: atMost(50, '%') },
    { what: name('backup again, stored'), unit: 'kB', values: seen.of('againBytes') },
    { what: name('bare POST, 64 connections'), unit: 'objects/s', values: seen.of('post') },
    { what: name('restore after deletion'), unit: 'objects/s', values: seen.of('restore'), target: atLeast(600, 'objects/s') },
    { what: name('restore, of bare POST'), unit: '%', values: seen.of('ofPost'), target: atLeast(75, '%') },
    { what: name('history of the backup'), unit: 'events', values: seen.of('backupEvents'), target: atMost(500, 'events') },
    { what: name('history of the restore'), unit: 'events', values: seen.of('restoreEvents'), target: atMost(500, 'events') },
  ];
}

async function benchMany({ place, bare, numbers }: Bench, count: number): Promise<readonly Measure[]> {
  const namespaces = Array.from({ length: count }, (_, index) => `${MANY}${String(index).padStart(4, '0')}`);
  const postings = namespaces.flatMap(smallNamespace);
  const name = (what: string) => `${count} namespaces x 10 kinds x 5 objects: ${what}`;
  const seen = new Series();
  say(`creating ${postings.length} objects in ${count} namespaces`);
  const post = postings.length / (await bare.post(namespaces, postings));
  for (const number of numbers) {
    const location = `many-${number}`;
    const backup = await runBackup(place, location, { name: 'first', namespaces: `${MANY}*` });
    await bare.removeNamespaces(namespaces);
    const restore = await runRestore(place, location, { name: `many-${number}`, backup: 'first' });
    const restoreRate = rate(restore, restore.result.counts.create);
    seen.add({ backup: backup.seconds, restore: restoreRate, ofPost: (PERCENT * restoreRate) / post });
    seen.add({ backupEvents: backup.events, restoreEvents: restore.events });
    tellRepetition(number, seen, ['backup', 'restore']);
  }
  await bare.removeNamespaces(namespaces);
  return [
    { what: name('backup'), unit: 's', values: seen.of('backup'), target: atMost(5, 's') },
    { what: name('bare POST, 64 connections'), unit: 'objects/s', values: [post] },
    { what: name('restore after deletion'), unit: 'objects/s', values: seen.of('restore'), target: atLeast(500, 'objects/s') },
    { what: name('restore, of bare POST'), unit: '%', values: seen.of('ofPost'), target: atLeast(60, '%') },
    { what: name('history of the backup'), unit: 'events', values: seen.of('backupEvents'), target: atMost(500, 'events') },
    { what: name('history of the restore'), unit: 'events', values: seen.of('restoreEvents'), target: atMost(500, 'events') },
  ];
}

/** Values by name, one more of each with every repetition. */
class Series {
  readonly #values = new Map<string, number[]>();

  add(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) this.#values.set(name, [...this.of(name), value]);
  }

  of(name: string): readonly number[] {
    return this.#values.get(name) ?? [];
  }
}

function rate({ seconds }: Timed<unknown>, objects: number): number {
  return objects / seconds;
}

function tellRepetition(number: number, seen: Series, names: readonly string[]): void {
  const figures = names.map(
    (name) => `${name} ${Math.round(10 * (seen.of(name).at(-1) ?? 0)) / 10} (median ${Math.round(median(seen.of(name)))})`,
  );
  say(`repetition ${number}: ${figures.join(', ')}`);
}

function say(line: string): void {
  console.error(`bench: ${line}`);
}
