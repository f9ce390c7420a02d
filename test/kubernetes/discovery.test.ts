import { describe, expect, it } from '@jest/globals';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { discover } from '../../kubernetes/discovery.ts';

const reader = (documents: Record<string, JsonObject>) => {
  const asked: string[] = [];
  const read = (path: string): Promise<JsonObject> => {
    asked.push(path);
    const document = documents[path];
    return document ? Promise.resolve(document) : Promise.reject(new HoldfastError(FailureType.Unavailable, `no answer from ${path}`));
  };
  return { read, asked };
};

const VERBS = ['get', 'list', 'create'];
const aggregated = (group: string, versions: JsonObject[]): JsonObject => ({ metadata: { name: group }, versions });
const served = (resource: string, kind: string, more: JsonObject = {}): JsonObject => ({
  resource,
  responseKind: { group: '', version: '', kind },
  scope: 'Namespaced',
  singularResource: kind.toLowerCase(),
  verbs: VERBS,
  ...more,
});

describe('discover', () => {
  it('reads everything from two aggregated documents', async () => {
    const { read, asked } = reader({
      '/api': {
        kind: 'APIGroupDiscoveryList',
        items: [
          aggregated('', [
            {
              version: 'v1',
              freshness: 'Current',
              resources: [
                served('pods', 'Pod', { shortNames: ['po'], categories: ['all'], subresources: [{ subresource: 'status' }] }),
                served('nodes', 'Node', { scope: 'Cluster' }),
                { resource: 'onlysub', scope: 'Namespaced', singularResource: '', verbs: [], subresources: [{ subresource: 'x' }] },
              ],
            },
          ]),
        ],
      },
      '/apis': {
        kind: 'APIGroupDiscoveryList',
        items: [
          aggregated('autoscaling', [
            { version: 'v2', freshness: 'Current', resources: [served('horizontalpodautoscalers', 'HorizontalPodAutoscaler')] },
            {
              version: 'v1',
              freshness: 'Current',
              resources: [served('horizontalpodautoscalers', 'HorizontalPodAutoscaler'), served('olds', 'Old')],
            },
          ]),
          aggregated('metrics.k8s.io', [{ version: 'v1beta1', freshness: 'Stale', resources: [served('pods', 'PodMetrics')] }]),
        ],
      },
    });
    const { types, unavailable } = await discover(read);
    expect(asked).toStrictEqual(['/api', '/apis']);
    expect(types.map((type) => `${type.group}/${type.version}/${type.resource}`)).toStrictEqual([
      '/v1/pods',
      '/v1/nodes',
      'autoscaling/v2/horizontalpodautoscalers',
      'autoscaling/v1/olds',
    ]);
    expect(types[0]).toStrictEqual({
      group: '',
      version: 'v1',
      kind: 'Pod',
      resource: 'pods',
      namespaced: true,
      singular: 'pod',
      shortNames: ['po'],
      categories: ['all'],
      verbs: VERBS,
    });
    expect(types[1]?.namespaced).toBe(false);
    expect(unavailable).toStrictEqual([{ groupVersion: 'metrics.k8s.io/v1beta1', reason: 'its API server does not answer' }]);
  });

  it('asks older servers for each group and version, and names those that do not answer', async () => {
    const { read } = reader({
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          { name: 'apps', versions: [{ version: 'v1beta1' }, { version: 'v1' }], preferredVersion: { version: 'v1' } },
          { name: 'broken.io', versions: [{ version: 'v1' }], preferredVersion: { version: 'v1' } },
        ],
      },
      '/api/v1': {
        kind: 'APIResourceList',
        resources: [
          { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: VERBS, shortNames: ['po'] },
          { name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] },
        ],
      },
      '/apis/apps/v1': {
        resources: [{ name: 'deployments', singularName: 'deployment', namespaced: true, kind: 'Deployment', verbs: VERBS }],
      },
      '/apis/apps/v1beta1': { resources: [{ name: 'deployments', singularName: '', namespaced: true, kind: 'Deployment', verbs: VERBS }] },
    });
    const { types, unavailable } = await discover(read);
    expect(types.map((type) => `${type.group}/${type.version}/${type.resource}`)).toStrictEqual(['/v1/pods', 'apps/v1/deployments']);
    expect(types[0]).toMatchObject({ singular: 'pod', shortNames: ['po'], categories: [], verbs: VERBS });
    expect(unavailable).toStrictEqual([{ groupVersion: 'broken.io/v1', reason: 'no answer from /apis/broken.io/v1' }]);
  });
});
