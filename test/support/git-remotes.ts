import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitRemote } from '../../git/git-remote.ts';
import type { GitRemote } from '../../git/port.ts';
import type { Patience } from '../../git/reach-server.ts';
import type { RemoteAccess } from '../../git/remote-access.ts';
import type { ManifestRules } from '../../domain/git/field-rules.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { SELECT_ALL, type Selection } from '../../contracts/selection.ts';
import type { GitState } from '../../activities/git/git-source.ts';
import { syncToGit } from '../../activities/git/sync-to-git.ts';
import { createCharts } from '../../helm/charts.ts';
import type { Charts } from '../../helm/port.ts';
import { withLock } from '../../sandbox/folder-lock.ts';

export const NO_RULES: ManifestRules = { ignoreKinds: [], rules: [] };
export const CONFIG_MAPS: ResourceType = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
export const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true };

export interface TestRemote {
  readonly remote: GitRemote;
  /** What the worker keeps of it. */
  readonly folder: string;
  /** Syncs these objects as the state of the cluster, `prod` unless told otherwise; `beforeEach` runs whenever they are asked for. */
  readonly sync: (
    objects: readonly JsonObject[],
    more?: {
      readonly selection?: Partial<Selection>;
      readonly errors?: GitState['errors'];
      readonly beforeEach?: () => Promise<void>;
      readonly takeOver?: boolean;
    },
  ) => ReturnType<typeof syncToGit>;
  remove(): Promise<void>;
}

/** Reads release records, and knows no repository of charts. */
export const charts = (): Promise<Charts> => Promise.resolve(createCharts([], () => Promise.resolve(undefined)));

/** A remote as a worker of its own has it: with a clone in a folder of its own. */
export async function testRemote(
  access: RemoteAccess,
  more: Partial<Pick<GitRemote, 'sealer' | 'rules' | 'branch' | 'helmValues'>> & {
    readonly folder?: string;
    readonly cluster?: string;
    readonly patience?: Partial<Patience>;
  } = {},
): Promise<TestRemote> {
  const folder = more.folder ?? (await mkdtemp(join(tmpdir(), 'holdfast-test-remote-')));
  const { sealer, rules = NO_RULES, branch = '', cluster = 'prod' } = more;
  const secrets = sealer ? 'encrypt' : 'omit';
  const remote = gitRemote({
    name: 'test',
    access,
    branch,
    author: 'Holdfast <holdfast@localhost>',
    rules,
    ...{ secrets, helmValues: more.helmValues ?? secrets },
    ...(sealer ? { sealer } : {}),
    folder,
    patience: { silenceMs: 120_000, callMs: 600_000, ...more.patience },
    withLock,
  });
  return {
    remote,
    folder,
    sync: (objects, { selection = {}, errors = [], beforeEach, takeOver = false } = {}) =>
      syncToGit({
        remote,
        cluster,
        takeOver,
        charts,
        pulse: { beat: () => undefined, signal: new AbortController().signal },
        state: async () => {
          await beforeEach?.();
          return stateOf(objects, { ...SELECT_ALL, ...selection }, errors);
        },
      }),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export function stateOf(objects: readonly JsonObject[], selection: Selection, errors: GitState['errors'] = []): GitState {
  return {
    ...{ revision: '7', backup: '', selections: [selection], types: [CONFIG_MAPS, SECRETS], autoscalers: [], warnings: [], errors },
    objects: async function* () {
      await Promise.resolve();
      for (const object of objects) yield { object, type: object['kind'] === 'Secret' ? SECRETS : CONFIG_MAPS };
    },
  };
}

export function settings(name: string, data: Readonly<Record<string, string>> = {}, namespace = 'shop'): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

export function secretObject(name: string, value: string, namespace = 'shop'): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    data: { password: Buffer.from(value).toString('base64') },
  };
}
