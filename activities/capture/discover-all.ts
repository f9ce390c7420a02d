import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { field, listAt, textAt } from '../../domain/resource/fields.ts';
import type { Cluster, Discovery } from '../../kubernetes/port.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from './builtin-types.ts';
import { listAll } from './list-all.ts';

/** Established definitions are served within seconds; one that is not by then has a reason of its own, and is named. */
const PATIENCE_MS = 20_000;
const POLL_MS = 500;

/**
 * What the API server offers, custom resources included. An API server that has just started answers before it offers all of them, and a backup that believed it
 * would lack their objects without a word: it is asked again for a while. What is missing then is among `unavailable`.
 */
export async function discoverAll(cluster: Cluster, signal: AbortSignal, patienceMs = PATIENCE_MS): Promise<Discovery> {
  const wanted = await establishedDefinitions(cluster, signal);
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const discovery = await cluster.discover({ signal });
    const offered = new Set(discovery.types.map(({ group, resource }) => `${resource}.${group}`));
    const missing = wanted.filter((name) => !offered.has(name));
    if (missing.length === 0) return discovery;
    if (performance.now() > deadline) {
      const unavailable = missing.map((name) => ({
        groupVersion: name,
        reason: 'its definition is established, and the API server does not offer it',
      }));
      return { ...discovery, unavailable: [...discovery.unavailable, ...unavailable] };
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** `plural.group` of each; none for those who may not see definitions. */
async function establishedDefinitions(cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const definitions = await listAll(cluster, { type: CUSTOM_RESOURCE_DEFINITIONS }, signal).catch((error: unknown) => {
    if (error instanceof HoldfastError && (error.type === 'Forbidden' || error.type === 'NotFound')) return [];
    throw error;
  });
  return definitions.filter(isServed).map((definition) => textAt(definition, 'metadata', 'name'));
}

function isServed(definition: JsonObject): boolean {
  if (textAt(definition, 'metadata', 'deletionTimestamp') !== '') return false;
  const established = listAt(definition, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Established' && textAt(condition, 'status') === 'True',
  );
  return established && listAt(definition, 'spec', 'versions').some((version) => field(version, 'served') === true);
}
