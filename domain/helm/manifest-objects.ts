import { parseAllDocuments } from 'yaml';
import type { Json } from '../../contracts/json.ts';
import { textAt } from '../resource/fields.ts';

/** An object that a release has made, as its manifest names it. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** '' where the manifest names none: that of the release, or none at all. */
  readonly namespace: string;
  readonly name: string;
}

/** The objects of a rendered manifest, in its order. What is no object is left out: Helm has applied all that is one. */
export function manifestObjects(manifest: string): readonly ManifestObject[] {
  const documents = parseAllDocuments(manifest, { version: '1.1', uniqueKeys: false, logLevel: 'silent' });
  return documents.flatMap((document) => objectsOf(document.toJS({ maxAliasCount: 100 }) as Json));
}

function objectsOf(document: Json): readonly ManifestObject[] {
  const [apiVersion, kind] = [textAt(document, 'apiVersion'), textAt(document, 'kind')];
  const [namespace, name] = [textAt(document, 'metadata', 'namespace'), textAt(document, 'metadata', 'name')];
  return apiVersion === '' || kind === '' || name === '' ? [] : [{ apiVersion, kind, namespace, name }];
}
