import { FileFate, type ObjectCommit, type ObjectHistory } from '../../contracts/git.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectId } from '../../contracts/resource.ts';
import { branchOf } from '../../domain/git/branch-name.ts';
import { fieldChanges } from '../../domain/git/field-changes.ts';
import { filePath, typeOf } from '../../domain/git/file-path.ts';
import { kindFolders } from '../../domain/git/kind-folders.ts';
import { readManifest } from '../../domain/git/manifest-text.ts';
import { RELEASES } from '../../domain/git/release-files.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { GitClone, GitRemote, TouchingCommit } from '../../git/port.ts';
import { releaseCommits } from './release-history.ts';

/** A Helm release comes before a kind of the same name, which can be named with its group. */
const RELEASE_KIND = resourceKey(RELEASES);

export interface HistoryRequest {
  readonly cluster: string;
  /** Plural, singular or short name, with or without `.group`; `release` for Helm releases. */
  readonly kind: string;
  readonly name: string;
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
}

/** The commits that touched one object, newest first, each with what it changed. */
export async function objectHistory(remote: GitRemote, request: HistoryRequest, signal: AbortSignal): Promise<ObjectHistory> {
  const { cluster, kind, name, namespace } = request;
  const branch = remote.branch === '' ? branchOf(cluster) : remote.branch;
  return remote.open({ signal, beat: () => undefined }, async (clone) => {
    const head = await clone.fetch(branch);
    if (head === '') throw unknown(remote, `there is no branch ${branch}`, 'see which branches it has, or sync first');
    if (kindFolders(kind, [RELEASE_KIND])[0] === RELEASE_KIND) {
      const commits = await releaseCommits(clone, head, { namespace, name });
      const object = { apiVersion: '', kind: 'release', namespace, name };
      if (commits.length > 0) return { remote: remote.name, branch, object, commits };
    }
    const folders = [...(await clone.files(head)).keys()].map((path) => path.split('/')[1] ?? '');
    for (const folder of kindFolders(kind, folders)) {
      const [resource = '', ...group] = folder.split('.');
      const ref = { type: typeOf({ namespace, group: group.join('.'), resource }), namespace, name };
      const touching = await clone.history(head, [filePath(ref), filePath(ref, true)]);
      if (touching.length > 0)
        return { remote: remote.name, branch, ...(await told(clone, touching, { apiVersion: '', kind: folder, namespace, name })) };
    }
    const what = namespace === '' ? `${kind}/${name}` : `${kind}/${name} in namespace ${namespace}`;
    throw unknown(remote, `branch ${branch} has never held ${what}`, 'check kind, name and namespace (-n)');
  });
}

async function told(
  clone: GitClone,
  touching: readonly TouchingCommit[],
  object: ObjectId,
): Promise<Pick<ObjectHistory, 'object' | 'commits'>> {
  const commits: ObjectCommit[] = [];
  let id = object;
  for (const { id: commit, at, author, subject, files } of touching) {
    const before = await lastOf(
      clone,
      files.map((file) => file.before),
    );
    const after = await lastOf(
      clone,
      files.map((file) => file.after),
    );
    const shown = after.object ?? before.object;
    if (id === object && shown) id = { ...object, apiVersion: textAt(shown, 'apiVersion'), kind: textAt(shown, 'kind') };
    const what = !after.isThere ? FileFate.Deleted : before.isThere ? FileFate.Changed : FileFate.Created;
    commits.push({ commit, at, author, subject, what, fields: fieldChanges(before.object, after.object) });
  }
  return { object: id, commits };
}

/** The object in the one of the blobs that there is; nothing is known of what is in an encrypted one. */
async function lastOf(clone: GitClone, blobs: readonly string[]): Promise<{ readonly isThere: boolean; readonly object?: JsonObject }> {
  const there = blobs.filter((blob) => blob !== '');
  for await (const content of clone.read(there.slice(0, 1))) {
    const object = readable(content.toString('utf8'));
    return { isThere: true, ...(object ? { object } : {}) };
  }
  return { isThere: false };
}

/** Values of Secrets are never shown, wherever they come from. */
function readable(text: string): JsonObject | undefined {
  try {
    const object = readManifest(text);
    return textAt(object, 'kind') === 'Secret' ? undefined : object;
  } catch {
    return undefined;
  }
}

function unknown(remote: GitRemote, message: string, advice: string): HoldfastError {
  return new HoldfastError(FailureType.NotFound, `Git remote ${remote.name}: ${message}`, { advice });
}
