import type { StorePlace } from './object-store.ts';

/** What `location check` can find missing. */
export type Right = 'reach' | 'write' | 'read' | 'list' | 'delete' | 'facts' | 'lock';

const FOLDER = 'read, write and search permission on the folder';
const BLOBS = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

/** The names that administrators know the rights by: what to grant. docs/locations.md has whole policies. */
const RIGHTS: Readonly<Record<StorePlace['scheme'], Readonly<Record<Right, string>>>> = {
  file: { reach: FOLDER, write: FOLDER, read: FOLDER, list: FOLDER, delete: FOLDER, facts: FOLDER, lock: FOLDER },
  s3: {
    reach: 's3:ListBucket on the bucket',
    write: 's3:PutObject',
    read: 's3:GetObject',
    list: 's3:ListBucket on the bucket',
    delete: 's3:DeleteObject (and in a bucket with versions s3:DeleteObjectVersion and s3:ListBucketVersions)',
    facts: 's3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration on the bucket',
    lock: 's3:PutObjectRetention and s3:GetObjectRetention',
  },
  gs: {
    reach: 'storage.objects.list',
    write: 'storage.objects.create',
    read: 'storage.objects.get',
    list: 'storage.objects.list',
    delete: 'storage.objects.delete',
    facts: 'storage.buckets.get',
    lock: 'storage.objects.setRetention',
  },
  azblob: {
    reach: `${BLOBS}/read (SAS: list)`,
    write: `${BLOBS}/add/action (SAS: create)`,
    read: `${BLOBS}/read (SAS: read)`,
    list: `${BLOBS}/read (SAS: list)`,
    delete: `${BLOBS}/delete and ${BLOBS}/deleteBlobVersion/action (SAS: delete, delete version)`,
    facts: 'Microsoft.Storage/storageAccounts/blobServices/containers/read',
    lock: `${BLOBS}/write (SAS: set immutability policy)`,
  },
};

export function nameOfRight(place: StorePlace, right: Right): string {
  return RIGHTS[place.scheme][right];
}
