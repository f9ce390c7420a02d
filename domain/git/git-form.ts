import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { parseLossless } from '../json/lossless.ts';
import { comparable } from '../resource/compare.ts';
import { changeAt, dropAt, field, objectAt, textAt } from '../resource/fields.ts';
import { lastingOwners } from './owner-lines.ts';
import { SCALED_DOWN } from '../volume/scaled-down.ts';

/** Annotations that tools and controllers write on what people have written. docs/git.md lists them. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'control-plane.alpha.kubernetes.io/leader',
  'autoscaling.alpha.kubernetes.io/conditions',
  'autoscaling.alpha.kubernetes.io/current-metrics',
  SCALED_DOWN,
]);

/**
 * An object as it is kept in Git: as its author would write it, without what the server, controllers and tools have filled in. The same
 * object gives the same form however often its status, the uids of its owners or its bookkeeping change.
 */
export function gitForm(object: JsonObject, type: ResourceType): JsonObject {
  const clean = comparable(scaledUp(object), { type, preserveNodePorts: false }, []);
  const quiet = dropAt(clean, ['metadata', 'annotations'], (key) => ANNOTATIONS.has(key));
  const ownerReferences = lastingOwners(object);
  return ownerReferences.length === 0 ? quiet : { ...quiet, metadata: { ...objectAt(quiet, 'metadata'), ownerReferences } };
}

/** A workload that a backup keeps scaled down for a while has the number of replicas that it will get back. */
function scaledUp(object: JsonObject): JsonObject {
  const replicas = recordedReplicas(textAt(object, 'metadata', 'annotations', SCALED_DOWN));
  return replicas === undefined ? object : changeAt(object, ['spec', 'replicas'], () => replicas);
}

function recordedReplicas(record: string): Json | undefined {
  try {
    return record === '' ? undefined : field(parseLossless(record), 'replicas');
  } catch {
    return undefined;
  }
}
