import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CapturePart } from '../../../contracts/manifest.ts';
import { batches, orderSegments, waveOf, wavesOf } from '../../../domain/resource/order.ts';
import { mergeReferences } from '../../../domain/resource/references.ts';
import { DISCOVERED, kind } from '../fixtures.ts';

const references = mergeReferences([]);

describe('restore waves', () => {
  it.each([
    ['customresourcedefinitions.apiextensions.k8s.io', 1],
    ['namespaces', 2],
    ['storageclasses.storage.k8s.io', 3],
    ['clusterroles.rbac.authorization.k8s.io', 3],
    ['persistentvolumes', 4],
    ['serviceaccounts', 4],
    ['secrets', 5],
    ['persistentvolumeclaims', 5],
    ['networkpolicies.networking.k8s.io', 5],
    ['rolebindings.rbac.authorization.k8s.io', 6],
    ['services', 7],
    ['endpointslices.discovery.k8s.io', 7],
    ['deployments.apps', 8],
    ['statefulsets.apps', 8],
    ['pods', 8],
    ['resourcequotas', 9],
    ['ingresses.networking.k8s.io', 9],
    ['poddisruptionbudgets.policy', 9],
    ['apiservices.apiregistration.k8s.io', 10],
    ['certificates.cert-manager.io', 11],
    ['clusters.postgresql.cnpg.io', 11],
    ['services.serving.knative.dev', 11],
    ['validatingwebhookconfigurations.admissionregistration.k8s.io', 12],
    ['mutatingwebhookconfigurations.admissionregistration.k8s.io', 12],
  ])('%s is restored in wave %i', (key, wave) => {
    expect(waveOf(kind(key))).toBe(wave);
  });

  it('only four waves are waited for', () => {
    const waves = wavesOf(DISCOVERED.map((type) => ({ wave: waveOf(type) })));
    expect(waves.map(({ wave }) => wave)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(Object.fromEntries(waves.filter(({ awaits }) => awaits !== 'nothing').map(({ wave, awaits }) => [wave, awaits]))).toEqual({
      1: 'crds-established',
      2: 'namespaces-active',
      10: 'custom-apis-served',
      11: 'webhook-backends',
    });
    expect(wavesOf([{ wave: 8 }, { wave: 11 }]).map(({ awaits }) => awaits)).toEqual(['custom-apis-served', 'nothing']);
    expect(wavesOf([{ wave: 8 }, { wave: 12 }]).map(({ awaits }) => awaits)).toEqual(['webhook-backends', 'nothing']);
    expect(wavesOf([{ wave: 2 }, { wave: 12 }]).map(({ awaits }) => awaits)).toEqual(['namespaces-active', 'nothing']);
    expect(wavesOf([{ wave: 8 }, { wave: 2 }]).map(({ title }) => title)).toEqual(['namespaces', 'workloads']);
  });
});

const segment = fc.record({ id: fc.constantFrom('1a', '2b', '3c', '4d', '5e'), count: fc.integer({ min: 1, max: 40 }) });
const resource = fc
  .record({
    type: fc.constantFrom(
      ...DISCOVERED.map(({ group, version, kind: name, resource: plural, namespaced }) => ({
        group,
        version,
        kind: name,
        resource: plural,
        namespaced,
      })),
    ),
    namespace: fc.constantFrom('a', 'b'),
    segments: fc.uniqueArray(segment, { selector: ({ id }) => id, minLength: 1, maxLength: 4 }),
  })
  .map((item) => ({ ...item, count: 0, bytes: 0 }));
const part = fc.array(resource, { maxLength: 6 }).map((resources): CapturePart => ({ resources, references }));

describe('the order of segments', () => {
  it('does not depend on the order of parts and resources', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.infiniteStream(fc.nat()), (parts, stream) => {
        const random = () => stream.next().value as number;
        const shuffled = shuffle(parts, random).map((one) => ({ ...one, resources: shuffle(one.resources, random) }));
        const withoutCounts = (ordered: ReturnType<typeof orderSegments>) => ordered.map((one) => ({ ...one, count: 0 }));
        expect(withoutCounts(orderSegments(shuffled))).toEqual(withoutCounts(orderSegments(parts)));
      }),
    );
  });

  it('holds every segment exactly once, waves ascending, and kinds and namespaces together', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const keyOf = (type: { group: string; resource: string }, namespace: string, id: string) =>
          [type.group, type.resource, namespace, id].join('/');
        const wanted = new Set(
          parts.flatMap(({ resources }) =>
            resources.flatMap((item) => item.segments.map(({ id }) => keyOf(item.type, item.namespace, id))),
          ),
        );
        const ordered = orderSegments(parts);
        const got = ordered.map((item) => keyOf(item.type, item.namespace, item.id));
        expect(got).toHaveLength(wanted.size);
        expect(new Set(got)).toEqual(wanted);
        const waves = ordered.map(({ wave }) => wave);
        expect(waves).toEqual([...waves].sort((a, b) => a - b));
        const stretches = ordered.map(({ type, namespace }) => keyOf(type, namespace, ''));
        const changes = stretches.filter((key, index) => key !== stretches[index - 1]);
        expect(new Set(changes).size).toBe(changes.length);
      }),
    );
  });

  it('keeps the captured order of the segments of one list', () => {
    const segments = ['9', '1', '5'].map((id) => ({ id, count: 1 }));
    const parts = [{ resources: [{ type: kind('pods'), namespace: 'a', count: 3, bytes: 1, segments }], references }];
    expect(orderSegments(parts).map(({ id }) => id)).toEqual(['9', '1', '5']);
  });
});

describe('batches', () => {
  it('cover the order without gaps, each within one wave and the limit', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.integer({ min: 1, max: 60 }), (parts, maxObjects) => {
        const ordered = orderSegments(parts);
        let next = 0;
        for (const batch of batches(ordered, { maxObjects })) {
          const inside = ordered.slice(batch.from, batch.from + batch.segments);
          expect(batch.from).toBe(next);
          expect(new Set(inside.map(({ wave }) => wave))).toEqual(new Set([batch.wave]));
          expect(batch.objects).toBe(inside.reduce((sum, { count }) => sum + count, 0));
          expect(batch.objects <= maxObjects || batch.segments === 1).toBe(true);
          next += batch.segments;
        }
        expect(next).toBe(ordered.length);
      }),
    );
  });
});

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
