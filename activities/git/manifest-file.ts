import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { ObjectFile } from '../../domain/git/file-path.ts';
import { readManifest } from '../../domain/git/manifest-text.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { groupOf } from '../../domain/resource/identity.ts';
import type { SecretSealer } from '../../git/port.ts';

export type ManifestRead =
  { readonly object: JsonObject; readonly type: ResourceType } | { readonly sealed: true } | { readonly problem: string };

/** The object in a file of a branch. Anybody may have written it: it must be the object that its path stands for. */
export async function manifestOf(
  { file, content }: { readonly file: ObjectFile; readonly content: Buffer },
  sealer: SecretSealer | undefined,
): Promise<ManifestRead> {
  const text = file.sealed ? await sealer?.open(content) : content.toString('utf8');
  if (text === undefined) return { sealed: true };
  let object: JsonObject;
  try {
    object = readManifest(text);
  } catch (error) {
    return { problem: (error as Error).message };
  }
  const type = typeIn(object, file);
  const [namespace, name] = [textAt(object, 'metadata', 'namespace'), textAt(object, 'metadata', 'name')];
  const isThere = type.kind !== '' && type.group === file.group && namespace === file.namespace && name === file.name;
  return isThere ? { object, type } : { problem: 'it holds another object than its path says' };
}

function typeIn(object: JsonObject, { namespace, resource }: ObjectFile): ResourceType {
  const apiVersion = textAt(object, 'apiVersion');
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  return { group: groupOf(apiVersion), version, kind: textAt(object, 'kind'), resource, namespaced: namespace !== '' };
}
