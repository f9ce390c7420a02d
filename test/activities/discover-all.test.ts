import { describe, expect, it } from '@jest/globals';
import { discoverAll } from '../../activities/capture/discover-all.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { DiscoveredType } from '../../contracts/resource.ts';
import { listingCluster, type ListScript } from '../support/fake-cluster.ts';

const SIGNAL = new AbortController().signal;

function definition(
  plural: string,
  more: { readonly established?: string; readonly served?: boolean; readonly deleted?: string } = {},
): JsonObject {
  const { established = 'True', served = true, deleted } = more;
  return {
    metadata: { name: `${plural}.example.com`, ...(deleted === undefined ? {} : { deletionTimestamp: deleted }) },
    spec: { group: 'example.com', versions: [{ name: 'v1', served }] },
    status: { conditions: [{ type: 'Established', status: established }] },
  };
}

function offered(plural: string): DiscoveredType {
  const type = { group: 'example.com', version: 'v1', kind: plural, resource: plural, namespaced: true };
  return { ...type, singular: '', shortNames: [], categories: [], verbs: ['list'] };
}

/** Offers one list of kinds after the other, and the last one from then on. */
function cluster(
  definitions: readonly JsonObject[],
  offers: readonly (readonly string[])[],
  { script, services = [] }: { readonly script?: ListScript; readonly services?: readonly JsonObject[] } = {},
) {
  const waiting = [...offers];
  let asked = 0;
  const listing = listingCluster(
    new Map([
      ['customresourcedefinitions', definitions],
      ['apiservices', services],
    ]),
    script,
  );
  const discover = () => {
    asked += 1;
    const plurals = (waiting.length > 1 ? waiting.shift() : waiting[0]) ?? [];
    return Promise.resolve({ types: plurals.map(offered), unavailable: [] });
  };
  return { cluster: { ...listing, discover }, asked: () => asked };
}

describe('discovery for a backup', () => {
  it('asks again until every established definition is offered', async () => {
    const { cluster: starting, asked } = cluster([definition('widgets'), definition('gears')], [[], ['widgets'], ['widgets', 'gears']]);
    const { types, unavailable } = await discoverAll(starting, SIGNAL);
    expect(types.map(({ resource }) => resource)).toEqual(['widgets', 'gears']);
    expect(unavailable).toEqual([]);
    expect(asked()).toBe(3);
  });

  it('does not wait for what is not to be offered', async () => {
    const definitions = [
      definition('a', { established: 'False' }),
      definition('b', { served: false }),
      definition('c', { deleted: 'now' }),
    ];
    const { cluster: ready, asked } = cluster(definitions, [[]]);
    await discoverAll(ready, SIGNAL);
    expect(asked()).toBe(1);
  });

  it('names what is never offered, and goes on without it', async () => {
    const { cluster: broken } = cluster([definition('widgets'), definition('gears')], [['gears']]);
    const { types, unavailable } = await discoverAll(broken, SIGNAL, 1_000);
    expect(types.map(({ resource }) => resource)).toEqual(['gears']);
    expect(unavailable).toMatchObject([{ groupVersion: 'widgets.example.com' }]);
  });

  it('waits for nothing that an APIService has given to another server, and names it', async () => {
    const ours = { metadata: { name: 'v1.other.example.com' }, spec: {} };
    const foreign = { metadata: { name: 'v1.example.com' }, spec: { service: { namespace: 'a', name: 'b' } } };
    const { cluster: shadowed, asked } = cluster([definition('widgets')], [['gears']], { services: [ours, foreign] });
    const { unavailable } = await discoverAll(shadowed, SIGNAL);
    expect(unavailable).toEqual([{ groupVersion: 'widgets.example.com', reason: 'an APIService gives its group to another server' }]);
    expect(asked()).toBe(1);
  });

  it('takes what is offered where definitions may not be seen', async () => {
    const refuse = () => Promise.reject(new HoldfastError('Forbidden', 'no'));
    const { cluster: narrow } = cluster([definition('widgets')], [['gears']], { script: refuse });
    expect((await discoverAll(narrow, SIGNAL)).types).toHaveLength(1);
  });
});
