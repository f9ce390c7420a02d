import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { field, isObject, listAt, textAt } from '../../domain/resource/fields.ts';
import type { Cluster, Discovery } from '../../kubernetes/port.ts';
import { API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS } from './builtin-types.ts';
import { listAll } from './list-all.ts';

/** Established definitions are served within seconds; one that is not by then has a reason of its own, and is named. */
const PATIENCE_MS = 20_000;
const POLL_MS = 500;

interface Definition {
  /** `plural.group`. */
  readonly name: string;
  /** `version.group` of each version that is to be served: as APIServices are named. */
  readonly served: readonly string[];
}

/**
 * What the API server offers, custom resources included. An API server that has just started answers before it offers all of them, and a backup
 * that believed it would lack their objects without a word: it is asked again for a while. What is missing then is among `unavailable`.
 */
export async function discoverAll(cluster: Cluster, signal: AbortSignal, patienceMs = PATIENCE_MS): Promise<Discovery> {
  const established = await establishedDefinitions(cluster, signal);
  const deadline = performance.now() + patienceMs;
  let shadowed: ReadonlySet<string> | undefined;
  for (;;) {
    const discovery = await cluster.discover({ signal });
    const offered = new Set(discovery.types.map(({ group, resource }) => `${resource}.${group}`));
    const missing = established.filter(({ name }) => !offered.has(name));
    if (missing.length === 0) return discovery;
    // Applications may be quiesced meanwhile: nobody waits for what will never come.
    shadowed ??= await servedElsewhere(cluster, signal);
    const isShadowed = ({ served }: Definition): boolean => served.every((version) => shadowed?.has(version));
    if (missing.every(isShadowed) || performance.now() > deadline) {
      const unavailable = missing.map((definition) => ({
        groupVersion: definition.name,
        reason: isShadowed(definition)
          ? 'an APIService gives its group to another server'
          : 'its definition is established, and the API server does not offer it',
      }));
      return { ...discovery, unavailable: [...discovery.unavailable, ...unavailable] };
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** None for those who may not see definitions. */
async function establishedDefinitions(cluster: Cluster, signal: AbortSignal): Promise<readonly Definition[]> {
  const definitions = await listVisible(cluster, CUSTOM_RESOURCE_DEFINITIONS, signal);
  return definitions.filter(isEstablished).flatMap((definition) => {
    const group = textAt(definition, 'spec', 'group');
    const served = listAt(definition, 'spec', 'versions')
      .filter((version) => field(version, 'served') === true)
      .map((version) => `${textAt(version, 'name')}.${group}`);
    return served.length === 0 ? [] : [{ name: textAt(definition, 'metadata', 'name'), served }];
  });
}

/** `version.group` of what the API server passes on to another one. */
async function servedElsewhere(cluster: Cluster, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const services = await listVisible(cluster, API_SERVICES, signal);
  const foreign = services.filter((service) => isObject(field(service, 'spec', 'service')));
  return new Set(foreign.map((service) => textAt(service, 'metadata', 'name')));
}

async function listVisible(cluster: Cluster, type: ResourceType, signal: AbortSignal): Promise<readonly JsonObject[]> {
  return listAll(cluster, { type }, signal).catch((error: unknown) => {
    if (error instanceof HoldfastError && (error.type === 'Forbidden' || error.type === 'NotFound')) return [];
    throw error;
  });
}

function isEstablished(definition: JsonObject): boolean {
  if (textAt(definition, 'metadata', 'deletionTimestamp') !== '') return false;
  return listAt(definition, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Established' && textAt(condition, 'status') === 'True',
  );
}
