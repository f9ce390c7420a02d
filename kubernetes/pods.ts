import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json } from '../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../contracts/resource.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { listAt, textAt } from '../domain/resource/fields.ts';
import { refusedFailure } from './failures.ts';
import type { HttpClient } from './http-client.ts';
import { describe, type Operation } from './operation.ts';
import { objectPath } from './paths.ts';

const PODS: ResourceType = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true };

export function podRef({ namespace, pod }: { readonly namespace: string; readonly pod: string }): ObjectRef {
  return { type: PODS, namespace, name: pod };
}

/** Name of the first container of a pod. Fails as a read of the pod does. */
export async function firstContainer(
  client: HttpClient,
  pod: ObjectRef,
  { operation, signal }: { readonly operation: Operation; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const answer = await client.send({ method: 'GET', path: objectPath(pod), operation, signal });
  if (answer.status !== 200) throw refusedFailure(operation, answer);
  const name = textAt(listAt(readPod(answer.body), 'spec', 'containers')[0], 'name');
  if (name === '') throw new HoldfastError(FailureType.Unavailable, `${describe(operation)}: the pod's containers cannot be read`);
  return name;
}

function readPod(body: Buffer): Json {
  try {
    return parseLossless(body.toString('utf8'));
  } catch {
    return null;
  }
}
