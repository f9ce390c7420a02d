import type { BackupManifest } from '../../contracts/manifest.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { initRepository } from '../../repository/init.ts';
import { openKeyFiles } from '../../repository/key-files.ts';
import type { KeyMaterial } from '../../repository/key-material.ts';
import { openRepository, Repository } from '../../repository/repository.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

/** Appears in names, namespaces and content of every sample, and must never appear in a location. */
export const CANARY = 'canary-7f3a';

/** `count` records like an API server's; the same seed makes the same ones. */
export function sampleRecords(count: number, seed: number): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `${CANARY}-${String(seed)}-${String(index)}`, namespace: CANARY, resourceVersion: String(seed * 1000 + index) },
        data: { text: `${CANARY} `.repeat(20), number: String(Math.imul(seed + 1, 2654435761) ^ index) },
      }),
    ),
  );
}

export function sampleManifest(name: string, parts: readonly string[], more: Partial<BackupManifest> = {}): BackupManifest {
  return {
    formatVersion: 1,
    type: 'backup',
    name,
    runId: `run-of-${name}`,
    cluster: { name: CANARY, uid: 'uid', version: 'v1.37.0' },
    selection: SELECT_ALL,
    namespaces: [CANARY],
    revision: '4711',
    startedAt: '2026-01-02T03:04:05.000Z',
    completedAt: '2026-01-02T03:05:05.000Z',
    phase: 'Completed',
    kinds: [],
    parts,
    objectCount: 0,
    sizes: { read: 0, stored: 0, newSegments: 0, knownSegments: 0 },
    warnings: [{ code: 'Sample', message: CANARY }],
    errors: [],
    steps: [],
    log: [{ time: '2026-01-02T03:04:05.000Z', level: 'info', message: CANARY }],
    ...more,
  };
}

/** A new repository in memory, or in `store`, with its only key. */
export async function newRepository(store: ObjectStore = new MemoryStore()) {
  const { recoveryKey = '', id } = await initRepository(store);
  return { id, identity: recoveryKey, repository: await openRepository(store, { identities: [recoveryKey] }) };
}

const openedKeys = new Map<string, KeyMaterial>();

/** Opens a repository again with keys that were opened before: age takes most of the time otherwise. `keyStore`: where to read them, once. */
export async function quickOpen(store: ObjectStore, identity: string, keyStore = store): Promise<Repository> {
  let keys = openedKeys.get(identity);
  if (!keys) {
    const { id } = JSON.parse(String(await keyStore.read('repository.json'))) as { id: string };
    keys = await openKeyFiles(keyStore, id, { identities: [identity] });
    openedKeys.set(identity, keys);
  }
  const repository = new Repository(store, keys);
  await repository.refresh();
  return repository;
}

/** What an application stores in the tests: segments of every size, and a document that lists them. */
export function sampleSegments(seed = 1): Buffer[][] {
  return [sampleRecords(20, seed), sampleRecords(1, seed + 1), sampleRecords(3, seed + 2), sampleRecords(20, seed + 3)];
}

/** One whole backup. Returns the ids of its segments. */
export async function backUp(repository: Repository, name: string, segments = sampleSegments()): Promise<string[]> {
  const batch = repository.startBatch();
  const ids = segments.map((records) => batch.add(records));
  const part = batch.addDocument({ ids });
  await batch.finish();
  await repository.commit(sampleManifest(name, [part]));
  return ids;
}

/** Segments as text, one character a byte: jest takes a tenth of a second to compare them as buffers. */
export function textOf(segments: readonly (readonly Buffer[])[]): string[][] {
  return segments.map((records) => records.map((record) => record.toString('latin1')));
}

/** Restores by what the manifest says alone; throws when anything is not as it should be. */
export async function restore(repository: Repository, name: string): Promise<string[][]> {
  const { manifest } = await repository.findBackup(name);
  const segments: (readonly Buffer[])[] = [];
  for (const part of manifest.parts) {
    const { ids } = (await repository.readDocument(part)) as { ids: string[] };
    for await (const { records } of repository.readSegments(ids)) segments.push(records);
  }
  return textOf(segments);
}
