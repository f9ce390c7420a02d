import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../contracts/json.ts';
import { neverRestored } from '../../../domain/plan/never-restored.ts';
import { kind, object } from '../fixtures.ts';

const annotated = (annotations: JsonObject, more: JsonObject = {}) => object(more, { annotations });
const labelled = (labels: JsonObject, more: JsonObject = {}) => object(more, { labels });
const token = (name: string) =>
  object({ type: 'kubernetes.io/service-account-token' }, { name, annotations: { 'kubernetes.io/service-account.name': 'app' } });

describe('never restored', () => {
  it.each<[string, JsonObject]>([
    ['nodes', object()],
    ['csinodes.storage.k8s.io', object()],
    ['volumeattachments.storage.k8s.io', object()],
    ['events', object()],
    ['events.events.k8s.io', object()],
    ['leases.coordination.k8s.io', object()],
    ['backups.velero.io', object()],
    ['pods', annotated({ 'kubernetes.io/config.mirror': 'x' })],
    ['pods', object({ status: { phase: 'Succeeded' } })],
    ['pods', object({ status: { phase: 'Failed' } })],
    ['jobs.batch', object({ status: { completionTime: 't' } })],
    ['jobs.batch', object({ status: { conditions: [{ type: 'Failed', status: 'True' }] } })],
    ['secrets', token('app-token-x1y2z')],
    ['secrets', object({ type: 'bootstrap.kubernetes.io/token' })],
    ['configmaps', object({}, { name: 'kube-root-ca.crt' })],
    ['configmaps', object({}, { name: 'extension-apiserver-authentication' }, 'kube-system')],
    ['clustertrustbundles.certificates.k8s.io', object({ spec: { signerName: 'kubernetes.io/kube-apiserver-serving' } })],
    ['endpoints', annotated({ 'control-plane.alpha.kubernetes.io/leader': '{}' })],
    ['endpoints', annotated({ 'endpoints.kubernetes.io/last-change-trigger-time': 't' })],
    ['services', object({}, { name: 'kubernetes' }, 'default')],
    ['endpoints', object({}, { name: 'kubernetes' }, 'default')],
    ['endpointslices.discovery.k8s.io', labelled({ 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' })],
    ['endpointslices.discovery.k8s.io', object({}, { labels: { 'kubernetes.io/service-name': 'kubernetes' } }, 'default')],
    ['apiservices.apiregistration.k8s.io', labelled({ 'kube-aggregator.kubernetes.io/automanaged': 'onstart' }, { spec: { service: {} } })],
    ['apiservices.apiregistration.k8s.io', object({ spec: {} })],
  ])('%s %j', (type, item) => {
    expect(neverRestored(item, kind(type))).not.toBe('');
  });

  it.each<[string, JsonObject]>([
    ['schedules.velero.io', object()],
    ['pods', object({ status: { phase: 'Running' } })],
    ['jobs.batch', object({ status: { active: 1, conditions: [{ type: 'Complete', status: 'False' }] } })],
    ['secrets', token('app-token')],
    ['secrets', object({ type: 'Opaque' }, { name: 'app-token-x1y2z' })],
    ['configmaps', object()],
    ['clustertrustbundles.certificates.k8s.io', object({ spec: { signerName: 'example.com/mine' } })],
    ['clustertrustbundles.certificates.k8s.io', object({ spec: {} })],
    ['serviceaccounts', object({}, { name: 'default' })],
    ['endpoints', object()],
    ['services', object({}, { name: 'kubernetes' })],
    ['services', object({}, { name: 'web' }, 'default')],
    ['endpoints', object({}, { name: 'kubernetes' })],
    ['endpointslices.discovery.k8s.io', labelled({ 'endpointslice.kubernetes.io/managed-by': 'my-operator' })],
    ['apiservices.apiregistration.k8s.io', object({ spec: { service: { name: 'metrics' } } })],
    ['persistentvolumeclaims', object()],
  ])('but %s %j is', (type, item) => {
    expect(neverRestored(item, kind(type))).toBe('');
  });
});
