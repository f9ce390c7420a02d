import { AUTOSCALERS } from '../../domain/resource/autoscaler.ts';
import type { SyncGitInput } from '../../contracts/git.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { STREAMS, type CapturePart } from '../../contracts/manifest.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Selection } from '../../contracts/selection.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { apiVersionOf, resourceKey } from '../../domain/resource/identity.ts';
import { mergeReferences } from '../../domain/resource/references.ts';
import { compileSelection } from '../../domain/selection/matcher.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { listAll } from '../capture/list-all.ts';
import { planBackup } from '../capture/plan-backup.ts';
import { concernsItselfOnly } from '../give-up.ts';
import { selectedObjects } from '../preview/preview-backup.ts';

export interface SourceObject {
  readonly type: ResourceType;
  readonly object: JsonObject;
}

/** What a sync brings into Git: all objects of one moment. */
export interface GitState {
  readonly revision: string;
  /** Name of the backup; '' for what is live. */
  readonly backup: string;
  /** Whoever is taken by all of these is the sync's business. */
  readonly selections: readonly Selection[];
  readonly types: readonly ResourceType[];
  readonly autoscalers: readonly JsonObject[];
  readonly warnings: readonly Issue[];
  /** What could not be read; complete when the objects have been read to their end. */
  readonly errors: readonly Issue[];
  objects(): AsyncIterable<SourceObject>;
}

/** Everything that the selection takes now, at one revision. */
export async function liveState(cluster: Cluster, { selection, remote }: SyncGitInput, signal: AbortSignal): Promise<GitState> {
  const plan = await planBackup(cluster, { name: remote, cluster: cluster.name, location: '', selection }, signal);
  // That a namespace is gone is what the branch is to say.
  const isGone = ({ code }: Issue): boolean => code === 'NamespaceMissing';
  const errors: Issue[] = plan.errors.filter((issue) => !isGone(issue));
  return {
    revision: plan.revision,
    backup: '',
    selections: [plan.selection],
    types: plan.tasks.flatMap(({ types }) => types),
    autoscalers: await autoscalersOf(cluster, signal),
    warnings: [...plan.warnings, ...plan.errors.filter(isGone)],
    errors,
    objects: async function* () {
      for await (const found of selectedObjects(cluster, plan, signal)) {
        if (!('error' in found)) {
          yield found;
          continue;
        }
        if (!(await concernsItselfOnly(cluster, found.error, signal))) throw found.error;
        errors.push(issueOf(found.type, found.error));
      }
    },
  };
}

/** What a backup has captured, as far as the selection takes it. */
export async function capturedState(repository: Repository, sequence: number, { selection }: SyncGitInput): Promise<GitState> {
  const { manifest } = await repository.readBackup(sequence);
  const parts = await Promise.all(manifest.parts.map(async (id) => (await repository.readDocument(id)) as CapturePart));
  const resources = parts.flatMap((part) => part.resources).filter(({ type }) => resourceKey(type) !== resourceKey(STREAMS));
  const types = manifest.kinds.map(({ type }) => type);
  const matcher = compileSelection(selection, { types, references: mergeReferences(parts.map((part) => part.references)) });
  const read = async function* (wanted: (type: ResourceType) => boolean): AsyncGenerator<SourceObject> {
    for (const { type, segments } of resources.filter((resource) => wanted(resource.type))) {
      for await (const { records } of repository.readSegments(segments.map(({ id }) => id))) {
        yield* records.map((record) => ({ type, object: parseLossless(record.toString('utf8')) as JsonObject }));
      }
    }
  };
  const autoscalers: JsonObject[] = [];
  for await (const { object } of read((type) => resourceKey(type) === resourceKey(AUTOSCALERS))) autoscalers.push(object);
  return {
    revision: manifest.revision,
    backup: manifest.name,
    selections: [manifest.selection, selection],
    types,
    autoscalers,
    warnings: [],
    errors: manifest.errors,
    objects: async function* () {
      for await (const found of read(() => true)) if (matcher.takes(found.object, found.type)) yield found;
    },
  };
}

/** Those of the whole cluster: a workload may be selected without its autoscaler. */
async function autoscalersOf(cluster: Cluster, signal: AbortSignal): Promise<readonly JsonObject[]> {
  try {
    return await listAll(cluster, { type: AUTOSCALERS }, signal);
  } catch (error) {
    const absent: readonly FailureType[] = [FailureType.NotFound, FailureType.Forbidden];
    if (error instanceof HoldfastError && absent.includes(error.type)) return [];
    throw error;
  }
}

function issueOf(type: ResourceType, error: HoldfastError): Issue {
  const object = { apiVersion: apiVersionOf(type), kind: type.kind, namespace: '', name: '' };
  return { code: error.type, message: error.message, object, ...(error.advice === '' ? {} : { advice: error.advice }) };
}
