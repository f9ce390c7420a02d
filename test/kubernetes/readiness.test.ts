import { describe, expect, it } from '@jest/globals';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef } from '../../contracts/resource.ts';
import type { Cluster, ListRequest } from '../../kubernetes/port.ts';
import { awaitApisAvailable, awaitCrdsEstablished, awaitNamespacesActive, awaitWebhookBackends } from '../../kubernetes/readiness.ts';

const raw = (object: JsonObject) => ({ bytes: Buffer.from(JSON.stringify(object)), object });

/** A cluster that only reads. `get` and `list` see how often the same was asked before. */
function readOnly(
  get: (ref: ObjectRef, times: number) => JsonObject | undefined,
  list: (request: ListRequest, times: number) => JsonObject[] = () => [],
) {
  const asked = new Map<string, number>();
  const count = (key: string) => {
    const times = asked.get(key) ?? 0;
    asked.set(key, times + 1);
    return times;
  };
  const cluster: Pick<Cluster, 'get' | 'listPage'> = {
    get: (ref) => {
      const object = get(ref, count(ref.name));
      return Promise.resolve(object && raw(object));
    },
    listPage: (request) =>
      Promise.resolve().then(() => ({
        revision: '1',
        continueToken: '',
        items: list(request, count(`${request.type.resource} ${request.namespace}`)).map((object) => raw(object)),
      })),
  };
  return { cluster: cluster as Cluster, asked };
}

const crd = (conditions: JsonObject[], more: JsonObject = {}): JsonObject => ({
  metadata: { name: 'widgets.example.com', ...more },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets' },
    versions: [
      { name: 'v0', served: false },
      { name: 'v1', served: true },
    ],
  },
  status: { conditions },
});
const ESTABLISHED = [{ type: 'Established', status: 'True' }];
const WAIT = { timeoutMs: 5_000 };

describe('awaitCrdsEstablished', () => {
  it('waits for the condition and then for the resource to be served', async () => {
    const heartbeats: (readonly string[])[] = [];
    const { cluster } = readOnly(
      (_ref, times) => crd(times < 1 ? [] : ESTABLISHED),
      ({ type }, times) => {
        expect(type).toMatchObject({ group: 'example.com', version: 'v1', resource: 'widgets' });
        if (times < 1) throw new HoldfastError(FailureType.NotFound, 'not served');
        return [];
      },
    );
    const notReady = await awaitCrdsEstablished(cluster, ['widgets.example.com'], {
      ...WAIT,
      heartbeat: (names) => heartbeats.push(names),
    });
    expect(notReady).toStrictEqual([]);
    expect(heartbeats).toStrictEqual([['widgets.example.com'], ['widgets.example.com'], ['widgets.example.com']]);
  });

  it('reports at once what will never be, and in the end what is not in time', async () => {
    const { cluster } = readOnly((ref) => {
      if (ref.name === 'missing') return undefined;
      if (ref.name === 'clash') return crd([{ type: 'NamesAccepted', status: 'False', message: '"widgets" is taken' }]);
      return ref.name === 'leaving' ? crd(ESTABLISHED, { deletionTimestamp: '2026-01-01T00:00:00Z' }) : crd([]);
    });
    const notReady = await awaitCrdsEstablished(cluster, ['missing', 'clash', 'leaving'], WAIT);
    expect(notReady).toStrictEqual([
      { name: 'missing', reason: 'it does not exist' },
      { name: 'clash', reason: 'its names are not accepted: "widgets" is taken' },
      { name: 'leaving', reason: 'it is being deleted' },
    ]);
    expect(await awaitCrdsEstablished(cluster, ['slow'], { timeoutMs: 150 })).toStrictEqual([
      { name: 'slow', reason: 'it is not established yet' },
    ]);
  });

  it('takes a resource that we may not list for served, and lets other failures through', async () => {
    const failing = (type: FailureType) =>
      readOnly(
        () => crd(ESTABLISHED),
        () => {
          throw new HoldfastError(type, 'no');
        },
      ).cluster;
    expect(await awaitCrdsEstablished(failing('Forbidden'), ['a'], WAIT)).toStrictEqual([]);
    const { cluster } = readOnly(() => {
      throw new HoldfastError(FailureType.Unavailable, 'gone');
    });
    await expect(Promise.resolve().then(() => awaitCrdsEstablished(cluster, ['a'], WAIT))).rejects.toMatchObject({ type: 'Unavailable' });
  });
});

describe('awaitNamespacesActive', () => {
  const terminating = { status: { phase: 'Terminating' } };

  it('waits until one that is being deleted is gone, and reports it', async () => {
    const { cluster, asked } = readOnly((ref, times) => {
      if (ref.name === 'active') return { status: { phase: 'Active' } };
      if (ref.name === 'missing') return undefined;
      return times < 2 ? terminating : undefined;
    });
    expect(await awaitNamespacesActive(cluster, ['active', 'missing', 'leaving', 'leaving'], WAIT)).toStrictEqual([
      { name: 'missing', reason: 'it does not exist' },
      { name: 'leaving', reason: 'it was being deleted and is gone now' },
    ]);
    expect(Object.fromEntries(asked)).toStrictEqual({ active: 1, missing: 1, leaving: 3 });
  });

  it('reports one that does not go in time, and looks once without any time', async () => {
    const { cluster } = readOnly(() => terminating);
    for (const timeoutMs of [0, 120]) {
      expect(await awaitNamespacesActive(cluster, ['stuck'], { timeoutMs })).toStrictEqual([
        { name: 'stuck', reason: 'it is being deleted' },
      ]);
    }
  });

  it('ends with the signal', async () => {
    const { cluster } = readOnly(() => terminating);
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort(new Error('cancelled'));
    }, 50);
    await expect(awaitNamespacesActive(cluster, ['stuck'], { ...WAIT, signal: controller.signal })).rejects.toThrow('cancelled');
  });
});

describe('awaitWebhookBackends', () => {
  it.each([
    ['that nobody has made', [], 'it does not exist'],
    ['with empty slices', [{ endpoints: [] }, {}], 'it has no endpoints'],
    ['with endpoints that are not ready', [{ endpoints: [{ conditions: { ready: false } }] }], 'none of its endpoints is ready'],
    ['with a ready one', [{}, { endpoints: [{ conditions: { ready: false } }, { conditions: { ready: true } }] }], ''],
    ['with one that does not say', [{ endpoints: [{}] }], ''],
  ])('sees a service %s', async (_what, slices, reason) => {
    const { cluster } = readOnly(
      () => undefined,
      (request) => {
        expect(request).toMatchObject({ namespace: 'hooks', labelSelector: 'kubernetes.io/service-name=guard' });
        return slices;
      },
    );
    const notReady = await awaitWebhookBackends(cluster, ['hooks/guard'], { timeoutMs: 0 });
    expect(notReady).toStrictEqual(reason === '' ? [] : [{ name: 'hooks/guard', reason }]);
  });

  it('does not wait for endpoints of a service that nobody has made, and does for those of one that exists', async () => {
    const waitFor = (exists: boolean) => {
      const { cluster, asked } = readOnly(
        (ref) => (exists ? { metadata: { name: ref.name } } : undefined),
        (_request, times) => (times < 1 ? [] : [{ endpoints: [{}] }]),
      );
      return awaitWebhookBackends(cluster, ['hooks/guard'], WAIT).then((notReady) => ({
        notReady,
        rounds: asked.get('endpointslices hooks'),
      }));
    };
    expect(await waitFor(true)).toStrictEqual({ notReady: [], rounds: 2 });
    expect(await waitFor(false)).toStrictEqual({ notReady: [{ name: 'hooks/guard', reason: 'it does not exist' }], rounds: 1 });
  });
});

describe('awaitApisAvailable', () => {
  const api = (status: string) => ({ status: { conditions: [{ type: 'Available', status, message: 'no response' }] } });

  it('waits until the server of an API answers', async () => {
    const { cluster, asked } = readOnly((_ref, times) => api(times < 2 ? 'False' : 'True'));
    expect(await awaitApisAvailable(cluster, ['v1.example.com'], WAIT)).toStrictEqual([]);
    expect(asked.get('v1.example.com')).toBe(3);
  });

  it.each([
    ['one that is not there', undefined, 'it does not exist'],
    ['one that does not answer', api('False'), 'no response'],
    ['one that nobody has looked at', {}, 'its server has not answered yet'],
  ])('names %s', async (_what, object, reason) => {
    const { cluster } = readOnly(() => object);
    expect(await awaitApisAvailable(cluster, ['v1.example.com'], { timeoutMs: 0 })).toStrictEqual([{ name: 'v1.example.com', reason }]);
  });
});
