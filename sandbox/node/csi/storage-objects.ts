import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { DRIVER } from './driver-name.ts';

/** An object of the cluster, with the path that it is applied at. */
export interface StorageObject {
  readonly path: string;
  readonly object: object;
}

const DEFINITIONS = fileURLToPath(new URL('../../tools/csi-snapshotter/crds/', import.meta.url));

/** The kinds of snapshots, as the snapshotter's project publishes them. */
export async function snapshotDefinitions(): Promise<readonly StorageObject[]> {
  const files = (await readdir(DEFINITIONS)).filter((name) => name.endsWith('.yaml'));
  return Promise.all(
    files.map(async (name) => {
      const object = parse(await readFile(join(DEFINITIONS, name), 'utf8')) as { readonly metadata: { readonly name: string } };
      return { path: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${object.metadata.name}`, object };
    }),
  );
}

/** What makes the driver known to the cluster, and lets claims and snapshots name it. */
export function driverObjects(): readonly StorageObject[] {
  return [
    named(['storage.k8s.io/v1', 'CSIDriver'], DRIVER, {
      spec: {
        attachRequired: false,
        podInfoOnMount: false,
        fsGroupPolicy: 'File',
        storageCapacity: false,
        volumeLifecycleModes: ['Persistent'],
      },
    }),
    named(['storage.k8s.io/v1', 'StorageClass'], 'holdfast-csi', storageClass('WaitForFirstConsumer')),
    named(['storage.k8s.io/v1', 'StorageClass'], 'holdfast-csi-now', storageClass('Immediate')),
    named(['snapshot.storage.k8s.io/v1', 'VolumeSnapshotClass'], 'holdfast-csi', { driver: DRIVER, deletionPolicy: 'Delete' }),
    named(['groupsnapshot.storage.k8s.io/v1', 'VolumeGroupSnapshotClass'], 'holdfast-csi', { driver: DRIVER, deletionPolicy: 'Delete' }),
  ];
}

function storageClass(volumeBindingMode: 'Immediate' | 'WaitForFirstConsumer'): object {
  return { provisioner: DRIVER, reclaimPolicy: 'Delete', volumeBindingMode, allowVolumeExpansion: true };
}

const COLLECTIONS = {
  CSIDriver: 'csidrivers',
  StorageClass: 'storageclasses',
  VolumeSnapshotClass: 'volumesnapshotclasses',
  VolumeGroupSnapshotClass: 'volumegroupsnapshotclasses',
} as const;

type Kind = readonly [apiVersion: string, kind: keyof typeof COLLECTIONS];

function named([apiVersion, kind]: Kind, name: string, rest: object): StorageObject {
  return { path: `/apis/${apiVersion}/${COLLECTIONS[kind]}/${name}`, object: { apiVersion, kind, metadata: { name }, ...rest } };
}
