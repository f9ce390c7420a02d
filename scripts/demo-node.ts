import { appendFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { JsonObject } from '../contracts/json.ts';
import { podTemplatePath } from '../domain/resource/pod-spec.ts';
import { changeAt, changeEach, isObject, textAt } from '../domain/resource/fields.ts';
import type { Cluster } from '../kubernetes/port.ts';

const PODS = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true } as const;
/** What the sandbox's node has an image of: no registry can be reached. */
const IMAGE = 'holdfast/busybox:1';
const STANDS = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'];
const KINDS: Readonly<Record<string, string>> = { Deployment: 'deployments', StatefulSet: 'statefulsets' };

/** The manifest with programs that the sandbox's node can run in place of the shop's own. */
export function withRunningPods(manifest: JsonObject): JsonObject {
  const kind = textAt(manifest, 'kind');
  const path = podTemplatePath({ group: 'apps', version: 'v1', kind, resource: KINDS[kind] ?? '', namespaced: true });
  if (path === undefined) return manifest;
  return changeAt(manifest, [...path, 'spec'], (spec) =>
    isObject(spec)
      ? {
          ...changeEach(spec, ['containers'], ({ readinessProbe: _, ...container }) => ({ ...container, image: IMAGE, command: STANDS })),
          terminationGracePeriodSeconds: 1,
        }
      : spec,
  );
}

/** Tells the worker that movers are pods of the node, which see the folder of the location because the node is this machine. */
export async function useNodeMovers(configFile: string, folder: string): Promise<void> {
  const location = { path: folder, volume: { hostPath: { path: folder } } };
  await appendFile(configFile, stringify({ movers: { image: 'holdfast/restic:0.18.1', imagePullPolicy: 'Never', location } }));
}

/** How many files a running pod of an application sees below a folder; undefined while none runs. */
export async function filesSeenBy(
  cluster: Cluster,
  { namespace, app, folder }: Readonly<Record<'namespace' | 'app' | 'folder', string>>,
): Promise<number | undefined> {
  const request = { type: PODS, namespace, labelSelector: `app=${app}`, limit: 10, exactRevision: '', continueToken: '' };
  const { items } = await cluster.listPage(request);
  const running = items.map(({ object }) => object).find((pod) => textAt(pod, 'status', 'phase') === 'Running');
  if (!running) return undefined;
  const command = ['sh', '-c', `find ${folder} -type f | wc -l`];
  const { exitCode, stdout } = await cluster.exec({ namespace, pod: textAt(running, 'metadata', 'name'), container: '', command });
  return exitCode === 0 ? Number(stdout) : undefined;
}
