import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { takeSnapshot, type Snapshot } from '../support/canonical.ts';
import { goModule } from '../support/go-module.ts';
import { checkInvariants } from '../support/invariants.ts';
import { namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { eachOf, until, type PlainObject } from '../support/raw-api.ts';

const KUBERNETES = ['k8s.io/kubernetes', 'v1.37.2'] as const;
const SNAPSHOTTER = ['github.com/kubernetes-csi/external-snapshotter/client/v8', 'v8.7.0'] as const;
/** Files for other programs than an API server. */
const OTHERS = new Set(['Cluster', 'EncryptionConfiguration', 'Kustomization']);

interface Manifest extends PlainObject {
  readonly apiVersion: string;
  readonly kind: string;
}

interface Foreign {
  readonly file: string;
  readonly namespace: string;
  readonly manifest: Manifest;
}

describe("someone else's manifests", () => {
  let place: TestPlace;
  let namespaces: readonly string[];
  let definitions: readonly Manifest[];
  let expected: Snapshot;
  const cluster: string[] = [];
  const refused: string[] = [];
  let accepted = 0;

  beforeAll(async () => {
    const folders = await Promise.all([goModule(...KUBERNETES), goModule(...SNAPSHOTTER)]);
    const foreign = [
      ...(await manifestsBelow(join(folders[0], 'test/e2e/testing-manifests'))),
      ...(await manifestsBelow(join(folders[1], 'config/crd'))),
    ];
    place = await TestPlace.open();
    await place.addLocation('main');
    namespaces = [...new Set(foreign.map((one) => one.namespace)), 'm-snapshots'];
    await eachOf(namespaces, 8, (name) => place.api.create(namespace(name)));
    const known = new Map(
      foreign.filter(({ manifest }) => manifest.kind === 'CustomResourceDefinition').map((one) => [nameOf(one.manifest), one]),
    );
    definitions = [...known.values()].map(({ manifest }) => manifest);
    await eachOf(known.values(), 4, create);
    await until('the definitions are served', async () => {
      place.api.forgetKinds();
      const served = new Set((await place.api.kinds()).map(({ plural, group }) => `${plural}.${group}`));
      return definitions.every((definition) => served.has(nameOf(definition)));
    });
    await eachOf([...foreign.filter(({ manifest }) => manifest.kind !== 'CustomResourceDefinition'), ...snapshots()], 8, create);
    await quiet();
    expected = await takeSnapshot(place.api, namespaces, { cluster });
    await place.startWorker();
  }, 280_000);

  afterAll(() => place.close(), 60_000);

  async function create({ file, namespace: at, manifest }: Foreign): Promise<void> {
    if (OTHERS.has(manifest.kind)) return;
    try {
      const { namespaced } = await place.api.kindOf(manifest.apiVersion, manifest.kind);
      const metadata = { ...(manifest['metadata'] as PlainObject), ...(namespaced ? { namespace: at } : {}) };
      if (!namespaced) delete (metadata as PlainObject)['namespace'];
      await place.api.create({ ...manifest, ...subjectsOf(manifest, at), metadata });
      if (!namespaced) cluster.push(`${manifest.kind} ${nameOf(manifest)}`);
      accepted += 1;
    } catch (error) {
      // The same object in two files of one folder is no refusal.
      if (!String(error).includes('AlreadyExists'))
        refused.push(`${file}: ${manifest.kind} ${nameOf(manifest)}: ${String(error).slice(0, 300)}`);
    }
  }

  /** Controllers have done what they can do without nodes. */
  async function quiet(): Promise<void> {
    let before = '';
    await until(
      'controllers are done',
      async () => {
        const snapshot = await takeSnapshot(place.api, namespaces);
        const pods = await place.api.json('GET', '/api/v1/pods');
        const now = `${snapshot.size} ${(pods as unknown as { items: unknown[] }).items.length}`;
        const same = now === before;
        before = now;
        if (!same) await new Promise((resolve) => setTimeout(resolve, 2_000));
        return same;
      },
      60_000,
    );
  }

  it('come back from a backup, whole, after their namespaces and definitions are deleted', async () => {
    process.stderr.write(`project: ${accepted} objects accepted, refused by the server:\n${refused.map((line) => `  ${line}\n`).join('')}`);
    expect(accepted).toBeGreaterThan(140);
    expect(definitions.length).toBeGreaterThan(8);

    const made = await place.backup('project', { selection: { includedNamespaces: ['m-*'], clusterResources: 'include' } });
    expect(made.result).toMatchObject({ phase: 'Completed', errors: [] });
    await place.api.removeNamespaces(...namespaces);
    await eachOf(definitions, 4, (definition) => place.api.remove(definition));
    await until('the definitions are gone', async () =>
      (await Promise.all(definitions.map((definition) => place.api.read(definition)))).every((live) => live === undefined),
    );

    const restored = await place.restore('project', {
      backup: 'project',
      selection: { clusterResources: 'include' },
      allow: ['webhooks', 'cluster-admin', 'privileged', 'foreign-volumes'],
    });
    expect(restored.result).toMatchObject({ failed: 0, errors: [], verification: { equal: true, differences: [] }, phase: 'Completed' });
    place.api.forgetKinds();
    const live = [{ expected, namespaces, options: { cluster } }];
    expect(
      await checkInvariants({
        place,
        location: 'main',
        runs: [made, restored],
        deadlineMs: 120_000,
        captured: { project: { snapshot: expected } },
        live,
      }),
    ).toEqual([]);
  });
});

/** Every YAML and JSON file below a folder; images and versions of templates are filled in. */
async function manifestsBelow(root: string): Promise<readonly Foreign[]> {
  const found: Foreign[] = [];
  for (const file of (await readdir(root, { recursive: true })).sort()) {
    if (!/\.(ya?ml|json)(\.in)?$/.test(file)) continue;
    const text = (await readFile(join(root, file), 'utf8')).replaceAll(/\{\{[^}]*\}\}/g, 'example.com/image:1');
    const [top = 'root', sub = ''] = file.includes('/') ? file.split('/') : ['root'];
    const at = `m-${top}-${sub.includes('.') ? 'top' : sub}`.replaceAll(/[^a-z0-9-]/g, '-').replace(/-+$/, '');
    for (const document of parseAllDocuments(text)) {
      for (const manifest of itemsOf(document.toJS() as PlainObject | null)) found.push({ file, namespace: at, manifest });
    }
  }
  return found;
}

function itemsOf(document: PlainObject | null): readonly Manifest[] {
  if (document === null || typeof document['kind'] !== 'string') return [];
  if (document['kind'] === 'List') return (document['items'] as unknown as Manifest[]).flatMap(itemsOf);
  return [document as Manifest];
}

/** Subjects without a namespace get that of the file's objects, as kustomize would do it. */
function subjectsOf(manifest: Manifest, at: string): PlainObject {
  const { subjects } = manifest;
  if (!Array.isArray(subjects)) return {};
  return {
    subjects: subjects.map((subject) => ({
      ...((subject as PlainObject)['kind'] === 'ServiceAccount' ? { namespace: at } : {}),
      ...(subject as PlainObject),
    })),
  };
}

function nameOf(manifest: PlainObject): string {
  return String((manifest['metadata'] as PlainObject | undefined)?.['name']);
}

/** Custom resources of the snapshot definitions. */
function snapshots(): readonly Foreign[] {
  const apiVersion = 'snapshot.storage.k8s.io/v1';
  const at = (manifest: Manifest): Foreign => ({ file: 'snapshots', namespace: 'm-snapshots', manifest });
  const reference = { namespace: 'm-snapshots', name: 'static' };
  return [
    at({
      apiVersion,
      kind: 'VolumeSnapshotClass',
      metadata: { name: 'm-class' },
      driver: 'hostpath.csi.k8s.io',
      deletionPolicy: 'Delete',
      parameters: { size: '1' },
    }),
    at({
      apiVersion,
      kind: 'VolumeSnapshot',
      metadata: { name: 'of-claim' },
      spec: { volumeSnapshotClassName: 'm-class', source: { persistentVolumeClaimName: 'data' } },
    }),
    at({ apiVersion, kind: 'VolumeSnapshot', metadata: { name: 'static' }, spec: { source: { volumeSnapshotContentName: 'm-content' } } }),
    at({
      apiVersion,
      kind: 'VolumeSnapshotContent',
      metadata: { name: 'm-content' },
      spec: {
        deletionPolicy: 'Retain',
        driver: 'hostpath.csi.k8s.io',
        source: { snapshotHandle: 'handle-1' },
        volumeSnapshotRef: reference,
      },
    }),
  ];
}
