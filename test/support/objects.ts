import type { PlainObject } from './raw-api.ts';

/** Manifests for tests, as short as they can be. */

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function configMap(at: string, name: string, data: Readonly<Record<string, string>> = {}, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: at, ...metadata }, data };
}

export function pods(app: string, more: object = {}): object {
  return { metadata: { labels: { app } }, spec: { containers: [{ name: 'main', image: 'example.com/app:1' }], ...more } };
}

export function deployment(at: string, name: string, replicas = 1): object {
  const spec = { replicas, selector: { matchLabels: { app: name } }, template: pods(name) };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: at }, spec };
}

export function statefulSet(at: string, name: string, more: object = {}): object {
  const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  const spec = {
    serviceName: name,
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: pods(name),
    volumeClaimTemplates: [claim],
    ...more,
  };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: at }, spec };
}

export function service(at: string, name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: at }, spec };
}

/** A folder of the machine as the volume of a claim, bound to it by hand. */
export function folderVolume({
  namespace: at,
  claim,
  folder,
}: {
  readonly namespace: string;
  readonly claim: string;
  readonly folder: string;
}): {
  readonly volume: PlainObject;
  readonly claim: PlainObject;
} {
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand' };
  return {
    volume: {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${at}-${claim}` },
      spec: {
        ...spec,
        capacity: { storage: '2Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: at, name: claim },
        hostPath: { path: folder, type: 'DirectoryOrCreate' },
      },
    },
    claim: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: at, name: claim },
      spec: { ...spec, resources: { requests: { storage: '2Gi' } } },
    },
  };
}
