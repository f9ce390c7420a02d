import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceSubject } from '../../plugins/plugin.ts';
import { planQuiesce, quiescePlugins } from '../../plugins/registry.ts';
import { pod as podWith } from '../support/plugin-context.ts';

interface NodeOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Mount path by claim. */
  readonly claims?: Readonly<Record<string, string>>;
  readonly image?: string;
}

const DATA = '/usr/share/elasticsearch/data';

/** A node of a cluster, in a pod of the StatefulSet `search`. */
function node(
  name: string,
  { claims = {}, env = {}, args = [], image = 'elastic/elasticsearch:8.19.0', ...more }: NodeOptions,
): JsonObject {
  const pod = podWith(name, { claim: '', owner: { kind: 'StatefulSet', name: 'search' }, ...more });
  const mounts = Object.entries(claims).map(([claim, mountPath]) => ({ name: claim, mountPath }));
  const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
  return {
    ...pod,
    spec: {
      containers: [
        { name: 'proxy', image: 'nginx' },
        { name: 'engine', image, env: variables, args, volumeMounts: mounts },
      ],
      volumes: Object.keys(claims).map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claim } })),
    },
  };
}

const SET = {
  type: { group: 'apps', version: 'v1', kind: 'StatefulSet', resource: 'statefulsets', namespaced: true },
  object: { metadata: { name: 'search', namespace: 'shop' } },
};

function plan(...pods: readonly JsonObject[]) {
  const subject: QuiesceSubject = { namespace: 'shop', pods, workloads: [SET], claims: [], methods: {} };
  return planQuiesce([subject], { plugins: quiescePlugins(), detect: true });
}

const OWN = { env: { 'path.repo': '/snapshots' }, claims: { data: DATA, snapshots: '/snapshots' } };

describe('the plan for a search engine', () => {
  it.each(['docker.elastic.co/elasticsearch/elasticsearch:8.19.0', 'opensearchproject/opensearch:2', 'bitnami/elasticsearch'])(
    'knows the image %s',
    (image) => {
      const claims = {
        ...OWN.claims,
        'data-of-opensearch': '/usr/share/opensearch/data',
        'data-of-bitnami': '/bitnami/elasticsearch/data',
      };
      expect(plan(node('search-0', { ...OWN, claims, image })).tasks.map(({ id }) => id)).toEqual(['elasticsearch/shop/search']);
    },
  );

  it('keeps the claim of path.repo, and leaves out the files of the data', () => {
    const { tasks, problems } = plan(node('search-0', OWN));
    expect(problems).toEqual([]);
    expect(tasks).toEqual([
      expect.objectContaining({
        id: 'elasticsearch/shop/search',
        application: 'search',
        claims: ['snapshots'],
        replaces: ['data'],
        workload: { kind: 'StatefulSet', name: 'search' },
        guarantee: 'application',
        settings: expect.objectContaining({ container: 'engine', path: '/snapshots', repository: '' }),
      }),
    ]);
  });

  it('makes one task of all nodes of a cluster', () => {
    const nodes = [0, 1, 2].map((n) => node(`search-${n}`, { ...OWN, claims: { [`data-${n}`]: DATA, snapshots: '/snapshots' } }));
    expect(plan(...nodes).tasks).toEqual([expect.objectContaining({ claims: ['snapshots'], replaces: ['data-0', 'data-1', 'data-2'] })]);
    const named = nodes.map((one, n) => ({
      ...one,
      metadata: { ...(node(`x-${n}`, { labels: { 'elasticsearch.k8s.elastic.co/cluster-name': 'logs' } })['metadata'] as JsonObject) },
    }));
    expect(plan(...named).tasks.map(({ id }) => id)).toEqual(['elasticsearch/shop/logs']);
  });

  it.each<[string, NodeOptions]>([
    ['an argument', { args: ['-Epath.repo=/snapshots'] }],
    ['a list', { env: { 'path.repo': '["/snapshots/", "/other"]' } }],
    ["Bitnami's variable", { env: { ELASTICSEARCH_FS_SNAPSHOT_REPO_PATH: '/snapshots' } }],
    ['an annotation', { annotations: { 'holdfast.dev/elasticsearch-repository-path': '/snapshots' } }],
  ])('finds path.repo in %s', (_, options) => {
    expect(plan(node('search-0', { claims: OWN.claims, ...options })).tasks[0]?.settings).toMatchObject({ path: '/snapshots' });
  });

  it('needs no claim for a repository that is registered', () => {
    const annotations = { 'holdfast.dev/elasticsearch-repository': 'backups' };
    const { tasks } = plan(node('search-0', { claims: { data: DATA }, annotations }));
    expect(tasks).toEqual([
      expect.objectContaining({ claims: [], replaces: ['data'], settings: expect.objectContaining({ repository: 'backups' }) }),
    ]);
  });

  it.each<[string, NodeOptions, RegExp]>([
    ['neither repository nor path', { claims: { data: DATA } }, /neither a repository nor a path.repo is known/],
    ['a path in no claim', { claims: { data: DATA }, env: { 'path.repo': '/tmp/x' } }, /path.repo \/tmp\/x lies in no claim/],
    [
      'a path beside the data',
      { claims: { data: DATA }, env: { 'path.repo': `${DATA}/repo` } },
      /claim data, which holds the node's data too/,
    ],
    [
      'a password in the URL',
      { ...OWN, annotations: { 'holdfast.dev/elasticsearch-url': 'https://elastic:secret@localhost:9200' } },
      /is no URL/,
    ],
    [
      'a variable that is none',
      { ...OWN, annotations: { 'holdfast.dev/elasticsearch-password-env': 'a; rm' } },
      /is no name of an environment variable/,
    ],
  ])('says what is wrong with %s', (_, options, message) => {
    const { tasks, problems } = plan(node('search-0', options));
    expect(tasks).toEqual([]);
    expect(problems).toEqual([expect.objectContaining({ code: 'QuiesceNotPlanned', message: expect.stringMatching(message) })]);
  });

  it('has nothing to do for nodes without data and without snapshots', () => {
    expect(plan(node('coordinating-0', {}))).toEqual({ tasks: [], problems: [] });
  });
});
