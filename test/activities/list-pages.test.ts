import { describe, expect, it } from '@jest/globals';
import { readPages, type PageRequest } from '../../activities/capture/list-pages.ts';
import type { CaptureCursor } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { gone, listingCluster, object, typeOf } from '../support/fake-cluster.ts';

const MAPS = typeOf('configmaps');
const PODS = typeOf('pods');

function many(count: number, namespace = 'a'): readonly JsonObject[] {
  return Array.from({ length: count }, (_, index) => object(`o-${String(index).padStart(5, '0')}`, namespace));
}

function cursorOf(more: Partial<CaptureCursor> = {}): CaptureCursor {
  return { types: [MAPS], listNamespaces: [''], namespaceIndex: 0, continueToken: '', fallbackReason: '', ...more };
}

async function read(cluster: Cluster, more: Partial<PageRequest> & { readonly stopAfter?: number } = {}) {
  const request = {
    cursor: cursorOf(),
    revision: '100',
    labelSelector: '',
    signal: new AbortController().signal,
    giveUp: () => Promise.resolve(true),
    ...more,
  };
  const names: string[] = [];
  const failed: string[] = [];
  const reasons = new Set<string>();
  let next: CaptureCursor | undefined;
  let pages = 0;
  for await (const page of readPages(cluster, request)) {
    if ('error' in page) {
      failed.push(`${page.type.resource}: ${page.error.message}`);
      continue;
    }
    names.push(
      ...page.items.map(
        (item) => `${page.type.resource}/${textAt(item.object, 'metadata', 'namespace')}/${textAt(item.object, 'metadata', 'name')}`,
      ),
    );
    reasons.add(page.fallbackReason);
    ({ next } = page);
    pages += 1;
    if (pages === more.stopAfter) break;
  }
  return { names, failed, next, reasons: [...reasons], pages };
}

describe('readPages', () => {
  it('reads every object once, in order, at the revision of the backup', async () => {
    const cluster = listingCluster(new Map([['configmaps', many(3_500)]]));
    const { names, next, reasons } = await read(cluster);
    expect(names).toHaveLength(3_500);
    expect(new Set(names).size).toBe(3_500);
    expect(names).toEqual([...names].sort());
    expect(next).toBeUndefined();
    expect(reasons).toEqual(['']);
    expect(cluster.requests.every(({ exactRevision }) => exactRevision === '100')).toBe(true);
  });

  it('goes on from where it stopped: any cut gives the same whole', async () => {
    const objects = new Map([
      ['configmaps', many(1_700)],
      ['pods', many(900)],
    ]);
    const cursor = cursorOf({ types: [MAPS, PODS] });
    const whole = await read(listingCluster(objects), { cursor });
    for (const stopAfter of [1, 2, 3, 4]) {
      const first = await read(listingCluster(objects), { cursor, stopAfter });
      const rest = first.next === undefined ? { names: [] } : await read(listingCluster(objects), { cursor: first.next });
      expect([...first.names, ...rest.names]).toEqual(whole.names);
    }
  });

  it('lists each namespace of each kind when few are selected', async () => {
    const both = [...many(2, 'a'), ...many(2, 'b'), ...many(2, 'c')];
    const objects = new Map([
      ['configmaps', both],
      ['pods', both],
    ]);
    const { names } = await read(listingCluster(objects), { cursor: cursorOf({ types: [MAPS, PODS], listNamespaces: ['a', 'c'] }) });
    expect(names).toHaveLength(8);
    expect(names.some((name) => name.includes('/b/'))).toBe(false);
  });

  it('starts anew without a revision when the first page is gone, and says why', async () => {
    const cluster = listingCluster(new Map([['configmaps', many(150)]]), (request, page) =>
      request.exactRevision === '' ? page() : gone(),
    );
    const { names, reasons, failed } = await read(cluster);
    expect([names.length, failed, reasons]).toEqual([150, [], ['the revision was compacted']]);
  });

  it('goes on behind the last object when the token expires in the middle: none twice, none lost', async () => {
    let expired = false;
    const cluster = listingCluster(new Map([['configmaps', many(2_500)]]), (request, page) => {
      if (request.continueToken === '1100' && !expired) {
        expired = true;
        gone('1100');
      }
      return page();
    });
    const { names, reasons } = await read(cluster);
    expect(expired).toBe(true);
    expect([names.length, new Set(names).size]).toEqual([2_500, 2_500]);
    expect(reasons).toEqual(['', 'the revision was compacted']);
  });

  it('reports a kind that fails, and reads the others', async () => {
    const cluster = listingCluster(new Map([['pods', many(5)]]), (request, page) => {
      if (request.type.resource === 'configmaps') throw new HoldfastError('Forbidden', 'no right to list');
      return page();
    });
    const { names, failed } = await read(cluster, { cursor: cursorOf({ types: [MAPS, PODS] }) });
    expect([names.length, failed]).toEqual([5, ['configmaps: no right to list']]);
  });

  it('throws what may not be given up', async () => {
    const cluster = listingCluster(new Map(), () => {
      throw new HoldfastError('Unavailable', 'no connection');
    });
    await expect(read(cluster, { giveUp: () => Promise.resolve(false) })).rejects.toThrow('no connection');
  });

  it('has the first pages of several kinds under way at once, and leaves none behind', async () => {
    const types = Array.from({ length: 30 }, (_, index) => typeOf(`kind${index}`));
    const cluster = listingCluster(new Map());
    await read(cluster, { cursor: cursorOf({ types }) });
    expect(cluster.underWay.most).toBeGreaterThan(4);
    expect(cluster.underWay.most).toBeLessThanOrEqual(9);
    expect(cluster.underWay.now).toBe(0);
  });

  it('asks for small pages of large objects', async () => {
    const large = Array.from({ length: 300 }, (_, index) =>
      object(`o-${String(index).padStart(3, '0')}`, 'a', { data: 'x'.repeat(100_000) }),
    );
    const cluster = listingCluster(new Map([['configmaps', large]]));
    await read(cluster);
    expect(Math.max(...cluster.requests.slice(1).map(({ limit }) => limit))).toBeLessThan(30);
  });
});
