import { HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { condemnedKey, packKey } from '../layout.ts';
import { sameVerdicts } from '../condemned-lists.ts';
import type { Repository, RepositoryParts } from '../repository.ts';
import { rowsOf, type AccountItem } from './account.ts';
import { Changed } from './changed.ts';
import { decide, type Decisions } from './decisions.ts';
import { packsToRemove, remove, type Removals } from './removals.ts';
import type { Fate, GcOptions, GcReport, LockedObject } from './report.ts';
import { takeSurvey, type Survey } from './survey.ts';
import { sweep, type SweepResult } from './sweep.ts';

/** Somebody may commit, or collect, at the same time; that many times in a row is worth a line. */
const ATTEMPTS = 5;

/**
 * Frees what no backup needs: docs/repository-format.md, "Garbage collection". Safe while backups run, and to be interrupted and repeated at any
 * time. Wants a store with the right to delete. `BadInput`: no grace, and others may write; `Damaged`: it cannot be known what is needed, and
 * nothing was deleted; `Unavailable`: others changed the repository all the time.
 */
export async function collectGarbage(repository: Repository, options: GcOptions): Promise<GcReport> {
  if (options.graceMs === 0 && !options.nobodyWrites) {
    throw new HoldfastError('BadInput', 'without a grace, garbage collection would take what running backups are about to use', {
      advice: 'give a grace such as 72h, or make sure that no backup runs and say so with --no-running-backups',
    });
  }
  const { parts, id } = repository;
  for (let attempt = 1; ; attempt++) {
    try {
      return await collectOnce(parts, { ...options, repository: id });
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
      if (attempt < ATTEMPTS) continue;
      throw new HoldfastError('Unavailable', `${parts.store.url}: garbage collection gave way ${ATTEMPTS} times: ${error.message}`, {
        advice: 'nothing that is needed was deleted; run it again later',
      });
    }
  }
}

async function collectOnce(parts: RepositoryParts, options: GcOptions & { readonly repository: string }): Promise<GcReport> {
  const survey = await surveyWithoutLoss(parts, options);
  const decisions = await decide(parts, survey, options);
  const done = options.dryRun ? await foresee(parts, { survey, decisions }, options) : await sweep({ parts, survey, decisions }, options);
  const { totals } = survey.inventory;
  const all = Object.values(totals);
  const { next } = decisions;
  const items = [...packItems(survey, decisions, done), ...otherItems(survey, decisions, done)];
  return {
    repository: options.repository,
    url: parts.store.url,
    dryRun: options.dryRun,
    at: survey.now,
    graceSeconds: options.graceMs / 1_000,
    total: { objects: sum(all.map(({ objects }) => objects)), bytes: sum(all.map(({ bytes }) => bytes)) },
    rows: rowsOf(items),
    newlyCondemned: [...next.condemned.keys()].filter((packId) => !survey.list.condemned.has(packId)).length,
    acquitted: [...survey.list.condemned.keys(), ...survey.list.doomed].filter(
      (packId) => decisions.verdicts.get(packId)?.fate === 'needed',
    ).length,
    sparse: next.sparse.size,
    written: done.written,
    locked: lockedOf(survey, done),
    warnings: warningsOf(parts, survey, decisions),
  };
}

/** Indexes may have been merged by another collection between listing and reading: what seems lost is looked for once more. */
async function surveyWithoutLoss(parts: RepositoryParts, options: GcOptions): Promise<Survey> {
  const first = await takeSurvey(parts, options);
  const survey = first.usage.lost.length === 0 ? first : await takeSurvey(parts, options);
  const [lost] = survey.usage.lost;
  if (lost === undefined) return survey;
  throw new HoldfastError(
    'Damaged',
    `${parts.store.url}: ${survey.usage.lost.length} segments that backups need are in no pack that is there, the first is ${lost}; nothing was deleted`,
    { advice: 'see "holdfast repository check"; once the damaged backups are mended or deleted, collect again' },
  );
}

/** What a collection would do now, as far as locks let it. Writes nothing. */
async function foresee(
  parts: RepositoryParts,
  { survey, decisions }: { readonly survey: Survey; readonly decisions: Decisions },
  options: GcOptions,
): Promise<SweepResult> {
  const isNews = survey.isListDamaged || !sameVerdicts(survey.list, decisions.next);
  const keys = [
    ...decisions.replaced.map(({ key }) => key),
    ...decisions.brokenIndexes,
    ...packsToRemove(decisions, survey),
    ...survey.deletedManifests.map(({ key }) => key),
    ...survey.lists.map(({ key }) => key).filter((key) => isNews || key !== condemnedKey(survey.list.number)),
  ];
  return { removals: await remove(parts.store, keys, { ...options, step: 'looking for locks' }), written: { objects: 0, bytes: 0 } };
}

function packItems({ inventory, stored, usage }: Survey, { verdicts }: Decisions, { removals }: SweepResult): AccountItem[] {
  const frames = new Map(stored.all.map((pack) => [pack.packId, pack.frames]));
  return [...inventory.packs].map(([packId, { sizeBytes }]): AccountItem => {
    const base = { kind: 'packs', objects: 1, bytes: sizeBytes } as const;
    const verdict = verdicts.get(packId) ?? { fate: 'needed' };
    if (verdict.fate === 'doomed') return { ...base, ...gone(removals, packKey(packId)) };
    if (verdict.fate === 'young' || verdict.fate === 'condemned') return { ...base, fate: verdict.fate, until: verdict.until };
    if (verdict.fate === 'spare') return { ...base, fate: 'spare' };
    const use = usage.byPack.get(packId) ?? { segments: 0, bytes: 0 };
    if (use.segments === frames.get(packId)) return { ...base, fate: 'needed' };
    return { ...base, fate: 'partly-needed', unneededBytes: sizeBytes - use.bytes };
  });
}

function otherItems(survey: Survey, decisions: Decisions, { removals }: SweepResult): AccountItem[] {
  const { totals, indexes } = survey.inventory;
  const broken = new Set(survey.indexes.damaged.keys());
  const indexItems = indexes.map(({ key, sizeBytes }): AccountItem => {
    const base = { kind: 'indexes', objects: 1, bytes: sizeBytes } as const;
    if (removals.has(key)) return { ...base, ...gone(removals, key) };
    return { ...base, fate: broken.has(key) && !decisions.brokenIndexes.includes(key) ? 'young' : 'needed' };
  });
  const leaving = (kind: 'manifests' | 'condemned', objects: Survey['lists']): AccountItem[] => {
    const items = objects
      .filter(({ key }) => removals.has(key))
      .map(({ key, sizeBytes }): AccountItem => ({ kind, objects: 1, bytes: sizeBytes, ...gone(removals, key) }));
    const rest = totals[kind];
    return [
      ...items,
      { kind, fate: 'needed', objects: rest.objects - items.length, bytes: rest.bytes - sum(items.map(({ bytes }) => bytes)) },
    ];
  };
  return [
    ...indexItems,
    ...leaving('manifests', survey.deletedManifests),
    ...leaving('condemned', survey.lists),
    { kind: 'records', fate: 'needed', ...totals.records },
    { kind: 'keys', fate: 'needed', ...totals.keys },
    { kind: 'config', fate: 'needed', ...totals.config },
    { kind: 'volumes', fate: 'needed', ...totals.volumes },
    { kind: 'foreign', fate: 'foreign', ...totals.foreign },
  ];
}

function gone(removals: Removals, key: string): { readonly fate: Fate; readonly until?: string } {
  const outcome = removals.get(key) ?? 'deleted';
  return outcome === 'deleted' ? { fate: 'deleted' } : { fate: 'locked', until: outcome.lockedUntil };
}

function lockedOf(survey: Survey, { removals }: SweepResult): LockedObject[] {
  const objects = [...survey.inventory.packs.values(), ...survey.inventory.indexes, ...survey.lists, ...survey.deletedManifests];
  const sizes = new Map(objects.map(({ key, sizeBytes }) => [key, sizeBytes]));
  return [...removals]
    .flatMap(([key, outcome]) => (outcome === 'deleted' ? [] : [{ key, sizeBytes: sizes.get(key) ?? 0, until: outcome.lockedUntil }]))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function warningsOf({ store }: RepositoryParts, survey: Survey, { verdicts }: Decisions): Issue[] {
  const advice = 'see "holdfast repository check --read-data"';
  const spares = [...verdicts].filter(([, { fate }]) => fate === 'spare');
  return [
    ...spares.map(([packId]) => ({
      code: 'KeeperDamaged',
      message: `${store.url}: ${packKey(packId)} was kept: other packs should have what backups need of it, and do not have it right`,
      advice,
    })),
    ...[...survey.indexes.damaged.values()].map((message) => ({ code: 'IndexDamaged', message, advice })),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
