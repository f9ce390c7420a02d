import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectRef } from '../contracts/resource.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { MOVER_CONTAINER } from './pod-spec.ts';
import type { ResticOutput } from './restic-output.ts';

interface LogReading {
  readonly output: ResticOutput;
  readonly signal: AbortSignal;
}

/** A stream that says nothing may be broken without anybody noticing, so the pod is looked at this often. */
const LOOK_MS = 5000;
const READ_ATTEMPTS = 5;
const RETRY_MS = 1000;

/**
 * Reads the lines of a running pod from the first one on, until they end, the connection breaks or the pod is over. Lines may come again with the next
 * call, which therefore begins anew: nothing depends on clocks.
 */
export async function followPodLog(
  cluster: Cluster,
  pod: ObjectRef,
  { output, signal, isOver }: LogReading & { readonly isOver: (signal: AbortSignal) => Promise<boolean> },
): Promise<void> {
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  const watching = untilOver(isOver, both).then(
    () => {
      done.abort();
    },
    () => undefined,
  );
  try {
    const request = { namespace: pod.namespace, pod: pod.name, container: MOVER_CONTAINER, follow: true };
    output.restart();
    for await (const line of cluster.logs(request, { signal: both })) output.take(line);
  } catch {
    // What has become of the pod is seen on the pod.
    signal.throwIfAborted();
  } finally {
    done.abort();
    await watching;
  }
}

async function untilOver(isOver: (signal: AbortSignal) => Promise<boolean>, signal: AbortSignal): Promise<void> {
  do await delay(LOOK_MS, undefined, { signal });
  while (!(await isOver(signal)));
}

/** Reads the whole log of a pod that has ended; false when that is not possible. */
export async function readPodLog(cluster: Cluster, pod: ObjectRef, { output, signal }: LogReading): Promise<boolean> {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
    try {
      const request = { namespace: pod.namespace, pod: pod.name, container: MOVER_CONTAINER, follow: false };
      output.restart();
      for await (const line of cluster.logs(request, { signal })) output.take(line);
      return true;
    } catch {
      await delay(RETRY_MS, undefined, { signal });
    }
  }
  return false;
}
