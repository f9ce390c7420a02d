import type { BackupManifest, CapturedKind, CapturePart, CapturedResource } from '../../contracts/manifest.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Repository } from '../../repository/repository.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newRepository, sampleManifest } from '../repository/samples.ts';

export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
export const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };

/** Objects of one segment. */
const PER_SEGMENT = 5;

export interface DemoKind {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly count: number;
  /** Another one makes other content under the same names. */
  readonly seed: number;
}

/** The bytes of a captured object. */
export function demoRecord({ type, namespace, seed }: DemoKind, index: number): Buffer {
  const metadata = {
    name: `${type.resource}-${String(index).padStart(3, '0')}`,
    namespace,
    uid: `${namespace}-${index}`,
    resourceVersion: '7',
  };
  const text = Array.from({ length: 40 }, (_, at) => ((Math.imul(seed * 977 + index * 31 + at, 2654435761) >>> 0) % 1e9).toString(36)).join(
    '',
  );
  return Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: type.kind, metadata, data: { text } }));
}

/** Stores a backup as capturing does: one batch for each list of kinds, each with a catalogue of its own. */
export async function demoBackup(
  repository: Repository,
  name: string,
  batches: readonly (readonly DemoKind[])[],
  more: Partial<BackupManifest> = {},
): Promise<void> {
  const parts: string[] = [];
  const kinds = new Map<string, CapturedKind>();
  let stored = 0;
  for (const batch of batches) {
    const writer = repository.startBatch();
    const resources = batch.map((kind): CapturedResource => {
      const records = Array.from({ length: kind.count }, (_, index) => demoRecord(kind, index));
      const bytes = records.reduce((sum, { length }) => sum + length, 0);
      const before = kinds.get(resourceKey(kind.type));
      const sum = { count: kind.count + (before?.count ?? 0), bytes: bytes + (before?.bytes ?? 0) };
      kinds.set(resourceKey(kind.type), { type: kind.type, ...sum, revision: '7' });
      const segments = Array.from({ length: Math.ceil(records.length / PER_SEGMENT) }, (_, index) => {
        const own = records.slice(index * PER_SEGMENT, (index + 1) * PER_SEGMENT);
        return { id: writer.add(own), count: own.length };
      });
      return { type: kind.type, namespace: kind.namespace, count: kind.count, bytes, segments };
    });
    parts.push(writer.addDocument({ resources, references: mergeReferences([]) } satisfies CapturePart));
    stored += (await writer.finish()).storedBytes;
  }
  const all = [...kinds.values()];
  const sizes = { read: all.reduce((sum, { bytes }) => sum + bytes, 0), stored, newSegments: 0, knownSegments: 0 };
  const objectCount = all.reduce((sum, { count }) => sum + count, 0);
  await repository.commit(sampleManifest(name, parts, { kinds: all, objectCount, sizes, ...more }));
}

/** Three backups: the second repeats a batch of the first, the third shares nothing; and one account of a restore. */
export const DEMO: Readonly<Record<'first' | 'second' | 'third', readonly (readonly DemoKind[])[]>> = {
  first: [
    [
      { type: CONFIG_MAPS, namespace: 'shop', count: 23, seed: 1 },
      { type: SECRETS, namespace: 'shop', count: 7, seed: 2 },
    ],
    [{ type: CONFIG_MAPS, namespace: 'bank', count: 12, seed: 3 }],
  ],
  second: [
    [
      { type: CONFIG_MAPS, namespace: 'shop', count: 23, seed: 1 },
      { type: SECRETS, namespace: 'shop', count: 7, seed: 2 },
    ],
    [{ type: CONFIG_MAPS, namespace: 'bank', count: 14, seed: 4 }],
  ],
  third: [[{ type: CONFIG_MAPS, namespace: 'mill', count: 9, seed: 5 }]],
};

export interface DemoLocation {
  readonly objects: ReadonlyMap<string, Buffer>;
  readonly identity: string;
}

export async function demoLocation(): Promise<DemoLocation> {
  const store = new MemoryStore();
  const { repository, identity } = await newRepository(store);
  for (const [name, batches] of Object.entries(DEMO)) await demoBackup(repository, name, batches);
  await repository.writeRecord({ kind: 'restore', id: 'r1', body: { ok: true } });
  await repository.writeRecord({ kind: 'restore', id: 'r2', body: { ok: true } });
  return { objects: store.objects, identity };
}

export function copyOf(objects: ReadonlyMap<string, Buffer>): MemoryStore {
  const store = new MemoryStore();
  for (const [key, body] of objects) store.objects.set(key, Buffer.from(body));
  return store;
}

/** Every object of a backup, by `plural/namespace`, or undefined where it cannot be read; what is returned was authenticated. */
export async function readBack(
  repository: Repository,
  name: string,
): Promise<{ readonly right: number; readonly wrong: number; readonly lost: number }> {
  const expected = new Map(DEMO[name as keyof typeof DEMO].flat().map((kind) => [`${kind.type.resource}/${kind.namespace}`, kind]));
  const { manifest } = await repository.findBackup(name);
  const sum = { right: 0, wrong: 0, lost: 0 };
  for await (const part of repository.readWhatIsLeft(manifest.parts)) {
    if ('damage' in part) continue;
    const { resources } = JSON.parse(String(part.records[0])) as CapturePart;
    for (const resource of resources) {
      const kind = expected.get(`${resource.type.resource}/${resource.namespace}`);
      let index = 0;
      for await (const segment of repository.readWhatIsLeft(resource.segments.map(({ id }) => id))) {
        const { count = 0 } = resource.segments.find(({ id }) => id === segment.id) ?? {};
        if ('damage' in segment) sum.lost += count;
        else
          for (const [at, record] of segment.records.entries())
            sum[kind && record.equals(demoRecord(kind, index + at)) ? 'right' : 'wrong'] += 1;
        index += count;
      }
    }
  }
  return { ...sum, lost: manifest.objectCount - sum.right - sum.wrong };
}
