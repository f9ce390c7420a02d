import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { groupOf, resourceKey } from '../../domain/resource/identity.ts';
import { ownerKey, ownersOf, type Owner } from '../../domain/resource/ownership.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { CapturedNames } from './captured-names.ts';

interface DirectoryInput {
  readonly cluster: Cluster;
  readonly names: CapturedNames;
  /** Captured namespace to target namespace. */
  readonly mapping: Readonly<Record<string, string>>;
  /** Kinds of the backup; others are looked up in discovery. */
  readonly types: readonly ResourceType[];
}

interface Entry {
  readonly restored: boolean;
  /** uid of the live owner; undefined when it is not there (yet). */
  readonly uid: string | undefined;
}

/** What is known about the owners of objects: whether the restore brings them, and their uid in the cluster. */
export class OwnerDirectory {
  readonly #input: DirectoryInput;
  readonly #entries = new Map<string, Entry>();
  #discovered: Promise<readonly ResourceType[]> | undefined;

  constructor(input: DirectoryInput) {
    this.#input = input;
  }

  /** Looks up the owners of these objects. Owners found live are remembered, others are looked up again the next time. */
  async learn(objects: readonly JsonObject[], signal: AbortSignal): Promise<void> {
    const wanted = new Map<string, { readonly owner: Owner; readonly namespace: string }>();
    for (const object of objects) {
      const namespace = textAt(object, 'metadata', 'namespace');
      for (const owner of ownersOf(object)) wanted.set(entryKey(owner, namespace), { owner, namespace });
    }
    const unknown = [...wanted].filter(([key]) => this.#entries.get(key)?.uid === undefined);
    await Promise.all(
      unknown.map(async ([key, { owner, namespace }]) => this.#entries.set(key, await this.#lookUp(owner, namespace, signal))),
    );
  }

  /** `namespace` is the captured one of the owned object. Known after `learn`. */
  present(owner: Owner, namespace: string): boolean {
    const entry = this.#entries.get(entryKey(owner, namespace));
    return entry !== undefined && (entry.restored || entry.uid !== undefined);
  }

  restored(owner: Owner, namespace: string): boolean {
    return this.#entries.get(entryKey(owner, namespace))?.restored ?? false;
  }

  uidOf(owner: Owner, namespace: string): string | undefined {
    return this.#entries.get(entryKey(owner, namespace))?.uid;
  }

  async #lookUp(owner: Owner, namespace: string, signal: AbortSignal): Promise<Entry> {
    const type = await this.#typeOf(owner, signal);
    if (!type) return { restored: false, uid: undefined };
    const { cluster, names, mapping } = this.#input;
    const source = type.namespaced ? namespace : '';
    const restored = (await names.of(resourceKey(type), source)).has(owner.name);
    const live = await cluster.get({ type, namespace: mapNamespace(mapping, source), name: owner.name }, { signal });
    // An owner that is on its way out would take what refers to it along.
    const stays = live !== undefined && textAt(live.object, 'metadata', 'deletionTimestamp') === '';
    return { restored, uid: stays ? textAt(live.object, 'metadata', 'uid') : undefined };
  }

  async #typeOf(owner: Owner, signal: AbortSignal): Promise<ResourceType | undefined> {
    const matches = (type: ResourceType): boolean => type.kind === owner.kind && type.group === groupOf(owner.apiVersion);
    const captured = this.#input.types.find(matches);
    if (captured) return captured;
    this.#discovered ??= this.#input.cluster.discover({ signal }).then(({ types }) => types);
    return (await this.#discovered).find(matches);
  }
}

function entryKey(owner: Owner, namespace: string): string {
  return `${namespace}/${ownerKey(owner)}`;
}
