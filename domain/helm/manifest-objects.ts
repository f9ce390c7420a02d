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
  return documentsOf(manifest).flatMap(objectsOf);
}

/** What Helm deletes itself before it makes a hook again: hooks of this policy, and those that name none. */
const BEFORE_CREATION = 'before-hook-creation';

/**
 * Objects of hooks that Helm would not delete before it makes them again: left over from an attempt that came to nothing, they would be in the way.
 * Never a CRD: with it all of its objects would go.
 */
export function hooksInTheWay(hooks: readonly { readonly manifest: string }[]): readonly ManifestObject[] {
  const documents = hooks.flatMap(({ manifest }) => documentsOf(manifest));
  return documents.flatMap((document) => {
    const policy = textAt(document, 'metadata', 'annotations', 'helm.sh/hook-delete-policy');
    const isHelms = policy === '' || policy.split(',').some((word) => word.trim().toLowerCase() === BEFORE_CREATION);
    return isHelms ? [] : objectsOf(document).filter(({ kind }) => kind !== 'CustomResourceDefinition');
  });
}

function documentsOf(manifest: string): readonly Json[] {
  const documents = parseAllDocuments(manifest, { version: '1.1', uniqueKeys: false, logLevel: 'silent' });
  return documents.map((document) => document.toJS({ maxAliasCount: 100 }) as Json);
}

function objectsOf(document: Json): readonly ManifestObject[] {
  const [apiVersion, kind] = [textAt(document, 'apiVersion'), textAt(document, 'kind')];
  const [namespace, name] = [textAt(document, 'metadata', 'namespace'), textAt(document, 'metadata', 'name')];
  return apiVersion === '' || kind === '' || name === '' ? [] : [{ apiVersion, kind, namespace, name }];
}
