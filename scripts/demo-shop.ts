import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../contracts/json.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { DemoFiles } from './demo-files.ts';
import { compareNames, compareProject } from './compare-project.ts';
import { configMap, configurationText, seeded } from './generated-objects.ts';
import { inParallel, until } from './in-parallel.ts';
import { readProject } from './project-files.ts';
import { at, text } from './raw-objects.ts';

const FILES = fileURLToPath(new URL('../demo/shop', import.meta.url));
/** So many that a restore can be killed in the middle. */
const PRICE_LISTS = 1_500;
const WIDTH = 32;

/** A finished Job must not run again, so a restore leaves it out. */
const isLeftOut = (manifest: JsonObject): boolean => text(manifest, 'kind') === 'Job';

function withFolder(volume: JsonObject, path: string): JsonObject {
  return { ...volume, spec: { ...(volume['spec'] as JsonObject), hostPath: { path, type: 'DirectoryOrCreate' } } };
}

/** The shop of demo/shop, with some 1,500 price lists, in one cluster. */
export class DemoShop {
  readonly #objects: ClusterObjects;
  readonly #manifests: readonly JsonObject[];
  readonly #priceLists: readonly JsonObject[];
  /** One manifest of each kind that lives in the namespace, with the names of all objects of that kind before the disaster. */
  readonly #before = new Map<JsonObject, readonly string[]>();

  readonly #invoices: DemoFiles;

  private constructor(objects: ClusterObjects, manifests: readonly JsonObject[], invoices: DemoFiles) {
    const random = seeded(2026);
    this.#invoices = invoices;
    this.#objects = objects;
    this.#manifests = manifests;
    this.#priceLists = Array.from({ length: PRICE_LISTS }, (_, index) =>
      configMap(
        { namespace: 'shop', name: `price-list-${String(index + 1).padStart(4, '0')}` },
        configurationText(random, 500 + Math.floor(random() * 1_500)),
      ),
    );
  }

  /** `volumes` is the folder that stands for the shop's storage system; `adapt` makes a manifest one for the cluster at hand. */
  static async read(
    objects: ClusterObjects,
    { volumes, adapt }: { readonly volumes: string; readonly adapt: (manifest: JsonObject) => JsonObject },
  ): Promise<DemoShop> {
    const folder = join(volumes, 'invoices');
    const manifests = (await readProject(FILES)).map((manifest) =>
      text(manifest, 'kind') === 'PersistentVolume' ? withFolder(manifest, folder) : adapt(manifest),
    );
    return new DemoShop(objects, manifests, new DemoFiles(folder));
  }

  get invoices(): DemoFiles {
    return this.#invoices;
  }

  get size(): number {
    return this.#manifests.length + this.#priceLists.length;
  }

  get kinds(): number {
    return new Set(this.#manifests.map((manifest) => `${text(manifest, 'apiVersion')} ${text(manifest, 'kind')}`)).size;
  }

  /** Creates everything and waits until the controllers have done what the comparison looks at. */
  async load(): Promise<void> {
    await this.#invoices.write();
    for (const manifest of this.#manifests) await this.#objects.create(manifest);
    await inParallel(this.#priceLists, WIDTH, (manifest) => this.#objects.create(manifest));
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { namespace: 'shop', name: 'invoices' } };
    await until('the claim is bound', async () => text(await this.#objects.get(claim), 'status', 'phase') === 'Bound');
    await until('the database has a claim', async () => (await this.#objects.all(claim)).has('data-database-0'));
    const ofKind = new Map(this.#manifests.map((manifest) => [text(manifest, 'kind'), manifest]));
    for (const manifest of ofKind.values()) {
      const isCompared = at(manifest, 'metadata', 'namespace') !== undefined && !isLeftOut(manifest);
      if (isCompared) this.#before.set(manifest, await this.#names(manifest));
    }
  }

  /** The accident: the namespace and the definitions of the shop's own kinds are deleted, and gone, and so are the disk and what was on it. */
  async destroy(): Promise<void> {
    const victims = this.#manifests.filter((manifest) => ['Namespace', 'CustomResourceDefinition'].includes(text(manifest, 'kind')));
    await inParallel(victims, victims.length, (manifest) => this.#objects.remove(manifest));
    for (const manifest of this.#manifests) if (text(manifest, 'kind') === 'PersistentVolume') await this.#objects.remove(manifest);
    await this.#invoices.destroy();
  }

  /** Which part of the price lists is in the cluster, from 0 to 1. */
  async restoredPart(): Promise<number> {
    const [first] = this.#priceLists;
    if (first === undefined) return 1;
    return Math.max(0, (await this.#names(first)).length / PRICE_LISTS);
  }

  /** Lines about what is not as its files say; none when all is. */
  async differencesFromFiles(manifests = this.#manifests): Promise<readonly string[]> {
    return compareProject(this.#objects, [...manifests, ...this.#priceLists]);
  }

  /** Lines about what is not as it was before the accident; none when all is. */
  async differencesAfterRestore(): Promise<readonly string[]> {
    const lines = [...(await this.differencesFromFiles(this.#manifests.filter((manifest) => !isLeftOut(manifest))))];
    for (const [manifest, names] of this.#before) {
      lines.push(...compareNames(text(manifest, 'kind'), names, await this.#names(manifest)));
    }
    lines.push(...(await this.#invoices.differences()));
    for (const job of this.#manifests.filter(isLeftOut)) {
      if ((await this.#objects.get(job)) !== undefined)
        lines.push(`Job ${text(job, 'metadata', 'name')}: was restored and would run again`);
    }
    return lines;
  }

  async #names(manifest: JsonObject): Promise<readonly string[]> {
    return [...(await this.#objects.all(manifest)).keys()].sort();
  }
}
