import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceState, QuiesceTask } from '../../contracts/quiesce.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { PluginContext, QuiesceOutcome } from '../../plugins/plugin.ts';

export interface KeptStreams {
  readonly context: PluginContext;
  /** What the plugin gave to the sink, by name. */
  readonly streams: ReadonlyMap<string, Buffer>;
}

/** A context whose sink keeps streams in memory. */
export function pluginContext(cluster: Cluster, run = 'run-1'): KeptStreams {
  const streams = new Map<string, Buffer>();
  const context: PluginContext = {
    cluster,
    run,
    signal: new AbortController().signal,
    beat: () => undefined,
    keep: async (name, content) => {
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(Buffer.from(chunk));
      streams.set(name, Buffer.concat(chunks));
    },
  };
  return { context, streams };
}

export function stateOf(task: QuiesceTask, { state }: QuiesceOutcome): QuiesceState {
  // As it comes back through Temporal's history.
  return { task, state: JSON.parse(JSON.stringify(state)) as JsonObject, quiescedAt: '2026-11-22T00:00:00Z' };
}

interface PodOptions {
  readonly image?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly phase?: string;
  readonly claim?: string;
  readonly mountPath?: string;
  readonly owner?: { readonly kind: string; readonly name: string };
}

/** A pod as the API server gives it, with one container `main` and one more. */
export function pod(name: string, { image = 'busybox', claim = 'data', mountPath = '/data', ...more }: PodOptions = {}): JsonObject {
  const owner = more.owner ? { ownerReferences: [{ ...more.owner, apiVersion: 'apps/v1', uid: 'u', controller: true }] } : {};
  const volumeMounts = claim === '' ? [] : [{ name: 'vol', mountPath }];
  return {
    metadata: { name, namespace: 'shop', annotations: { ...more.annotations }, labels: { ...more.labels }, ...owner },
    spec: {
      containers: [
        { name: 'main', image, volumeMounts },
        { name: 'sidecar', image: 'busybox' },
      ],
      volumes: claim === '' ? [] : [{ name: 'vol', persistentVolumeClaim: { claimName: claim } }],
    },
    status: { phase: more.phase ?? 'Running' },
  };
}
