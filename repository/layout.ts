/** The name of every object in a location. Nothing else builds or parses keys. */

export const CONFIG_KEY = 'repository.json';
export const KEY_FILES = 'keys/';
export const INDEXES = 'index/';
export const MANIFESTS = 'manifests/';
export const RECORDS = 'records/';
export const CONDEMNED = 'condemned/';
/** Below it, in a folder for each cluster, are the restic repositories of volumes: restic's own files, which only restic writes and reads. */
export const VOLUMES = 'volumes/';

const LAST_SEQUENCE = 99_999_999;

/** `fingerprint` is the SHA-256 of the file, hexadecimal; its first half names the file. */
export function keyFileKey(fingerprint: string): string {
  return `${KEY_FILES}${fingerprint.slice(0, 32)}.age`;
}

/** The 32 hexadecimal digits of a key file's name. */
export function keyFileName(key: string): string {
  return key.slice(KEY_FILES.length, -'.age'.length);
}

export function packKey(packId: string): string {
  return `packs/${packId.slice(0, 2)}/${packId}`;
}

export function indexKey(indexId: string): string {
  return `${INDEXES}${indexId}`;
}

export function recordKey(recordId: string): string {
  return `${RECORDS}${recordId}`;
}

export function manifestKey(sequence: number): string {
  return `${MANIFESTS}${sequenceName(sequence)}`;
}

/** Eight digits, so that the order of keys is the order of sequences. */
export function sequenceName(sequence: number): string {
  if (!Number.isInteger(sequence) || sequence < 1 || sequence > LAST_SEQUENCE) throw new RangeError(`no sequence: ${sequence}`);
  return String(sequence).padStart(8, '0');
}

/** The sequence in a manifest's key; undefined when the key is not one of a manifest. */
export function sequenceOf(key: string): number | undefined {
  const digits = /^manifests\/(\d{8})$/.exec(key)?.[1];
  return digits === undefined || digits === '00000000' ? undefined : Number(digits);
}

export function condemnedKey(number: number): string {
  return `${CONDEMNED}${sequenceName(number)}`;
}

/** The number in a condemned list's key; undefined when the key is not one of a list. */
export function condemnedNumberOf(key: string): number | undefined {
  const digits = /^condemned\/(\d{8})$/.exec(key)?.[1];
  return digits === undefined || digits === '00000000' ? undefined : Number(digits);
}

/** The restic repository of a cluster. */
export function volumesPrefix(clusterUid: string): string {
  return `${VOLUMES}${clusterUid}/`;
}

export function volumeSnapshotKey(clusterUid: string, snapshot: string): string {
  return `${volumesPrefix(clusterUid)}snapshots/${snapshot}`;
}

/** The 64 hexadecimal digits at the end of the key of an index, pack or record; undefined for foreign objects. */
export function hexNameOf(key: string): string | undefined {
  return /\/([0-9a-f]{64})$/.exec(key)?.[1];
}
