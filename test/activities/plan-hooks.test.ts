import { describe, expect, it } from '@jest/globals';
import { planHooks } from '../../activities/hooks/plan-hooks.ts';
import type { RestoreSession } from '../../activities/apply/restore-session.ts';
import type { RestoreHookRule } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Owner } from '../../domain/resource/ownership.ts';
import { RESTORE } from '../support/fake-activities.ts';

const POST = 'post.hook.restore.velero.io/command';
const INIT = 'init.hook.restore.velero.io/';
const TYPES: Readonly<Record<string, ResourceType>> = Object.fromEntries(
  [
    ['Pod', '', 'pods'],
    ['Deployment', 'apps', 'deployments'],
    ['ReplicaSet', 'apps', 'replicasets'],
  ].map(([kind = '', group = '', resource = '']) => [kind, { group, version: 'v1', kind, resource, namespaced: true }]),
);
const owned = (kind: string, name: string) => ({ ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }] });
const pod = (name: string, metadata: JsonObject = {}, phase = 'Running') => ({
  kind: 'Pod',
  object: { metadata: { namespace: 'shop', name, ...metadata }, spec: {}, status: { phase } },
});
const workload = (kind: string, name: string, template: JsonObject = {}, metadata: JsonObject = {}) => ({
  kind,
  object: { metadata: { namespace: 'shop', name, ...metadata }, spec: { template: { metadata: template } } },
});

/** Targets as `kind name: commands`. */
async function plan(captured: readonly { readonly kind: string; readonly object: JsonObject }[], hooks: readonly RestoreHookRule[] = []) {
  const restore = { ...RESTORE, options: { ...RESTORE.options, namespaceMapping: { shop: 'copy' }, hooks } };
  const present = new Set(captured.map(({ kind, object }) => `${kind}/${(object['metadata'] as { readonly name: string }).name}`));
  const session = {
    restore,
    ordered: captured.map(({ kind }, index) => ({ wave: 8, type: TYPES[kind], namespace: 'shop', id: String(index), count: 1 })),
    repository: {
      readWhatIsLeft: async function* (ids: readonly string[]) {
        for (const id of ids) {
          await Promise.resolve();
          yield { id, records: [Buffer.from(JSON.stringify(captured[Number(id)]?.object))] };
        }
      },
    },
    context: {
      options: restore.options,
      selection: { takes: () => true },
      ownerPresent: (owner: Owner) => present.has(`${owner.kind}/${owner.name}`),
    },
    owners: { learn: () => Promise.resolve() },
  } as unknown as RestoreSession;
  const { targets, hasInitContainers } = await planHooks(session, { beat: () => undefined, signal: new AbortController().signal });
  const told = targets.map(
    ({ namespace, kind, name, hooks: own }) => `${namespace} ${kind} ${name}: ${own.map(({ command }) => command.join(' ')).join(', ')}`,
  );
  return { told, hasInitContainers };
}

const rule = (more: Partial<RestoreHookRule>): RestoreHookRule => ({
  name: '',
  includedNamespaces: [],
  excludedNamespaces: [],
  labelSelector: '',
  commands: [{ container: '', command: ['ruled'], onError: 'fail', execSeconds: 1, waitSeconds: 1, waitForReady: false }],
  initContainers: [],
  ...more,
});

describe('where hooks are run after a restore', () => {
  it('is in pods of their own and in workloads, once where both say it', async () => {
    const annotations = { annotations: { [POST]: 'own' } };
    const { told } = await plan([
      pod('alone', annotations),
      pod('ended', annotations, 'Succeeded'),
      pod('silent'),
      workload('Deployment', 'web', annotations),
      workload('ReplicaSet', 'web-1', annotations, owned('Deployment', 'web')),
      pod('web-1-a', { ...annotations, ...owned('ReplicaSet', 'web-1') }),
    ]);
    expect(told).toEqual(['copy Pod alone: own', 'copy Deployment web: own']);
  });

  it('is in the workload of a pod that was annotated by hand', async () => {
    const { told } = await plan([
      workload('Deployment', 'web'),
      workload('ReplicaSet', 'web-1', {}, owned('Deployment', 'web')),
      pod('web-1-a', { annotations: { [POST]: 'by hand' }, ...owned('ReplicaSet', 'web-1') }),
    ]);
    expect(told).toEqual(['copy Deployment web: by hand']);
  });

  it('is where rules say, by the namespace that is restored to', async () => {
    const captured = [workload('Deployment', 'web', { labels: { app: 'web' } }), workload('Deployment', 'db', { labels: { app: 'db' } })];
    expect((await plan(captured, [rule({ includedNamespaces: ['copy'], labelSelector: 'app=web' })])).told).toEqual([
      'copy Deployment web: ruled',
    ]);
    expect((await plan(captured, [rule({ includedNamespaces: ['shop'] })])).told).toEqual([]);
  });

  it('sees captured pods that get init containers', async () => {
    const annotations = { [`${INIT}container-image`]: 'busybox', [`${INIT}command`]: 'true' };
    expect((await plan([pod('web-1-a', { annotations })])).hasInitContainers).toBe(true);
    expect((await plan([pod('web-1-a'), workload('Deployment', 'web', { annotations })])).hasInitContainers).toBe(false);
  });
});
