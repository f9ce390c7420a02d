import { HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import { listAt, textAt } from '../domain/resource/fields.ts';
import { preferredTypes, readAggregated, readResourceList, type ServedVersion } from './discovery-documents.ts';
import type { Discovery } from './port.ts';

/** Reads a JSON document of the API server; the second argument is the `Accept` header. */
export type ReadDocument = (path: string, accept: string) => Promise<JsonObject>;

const PLAIN = 'application/json';
/** A server that knows none of the aggregated forms answers with the plain one. */
const AGGREGATED = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  PLAIN,
].join(',');

/** Every kind that the server serves, by two requests, or by one for each group and version from servers older than 1.26. */
export async function discover(read: ReadDocument): Promise<Discovery> {
  const [core, groups] = await Promise.all([read('/api', AGGREGATED), read('/apis', AGGREGATED)]);
  const versions = await Promise.all([served(read, core), served(read, groups)]);
  return preferredTypes(versions.flat());
}

async function served(read: ReadDocument, document: JsonObject): Promise<readonly ServedVersion[]> {
  if (document['kind'] === 'APIGroupDiscoveryList') return readAggregated(document);
  const groupVersions = document['kind'] === 'APIVersions' ? coreVersions(document) : groupVersionsOf(document);
  return Promise.all(groupVersions.map((groupVersion) => servedVersion(read, groupVersion)));
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

async function servedVersion(read: ReadDocument, groupVersion: GroupVersion): Promise<ServedVersion> {
  const { group, version } = groupVersion;
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  try {
    return { group, version, unavailable: '', types: readResourceList(groupVersion, await read(path, PLAIN)) };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { group, version, unavailable: error.message, types: [] };
  }
}

function coreVersions(document: JsonObject): readonly GroupVersion[] {
  return listAt(document, 'versions').flatMap((version) => (typeof version === 'string' ? [{ group: '', version }] : []));
}

/** The preferred version first, then the server's order. */
function groupVersionsOf(document: JsonObject): readonly GroupVersion[] {
  return listAt(document, 'groups').flatMap((group) => {
    const preferred = textAt(group, 'preferredVersion', 'version');
    const versions = new Set([preferred, ...listAt(group, 'versions').map((version) => textAt(version, 'version'))]);
    return [...versions].filter((version) => version !== '').map((version) => ({ group: textAt(group, 'name'), version }));
  });
}
