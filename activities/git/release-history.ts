import { FileFate, type FieldChange, type ObjectCommit } from '../../contracts/git.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { fieldChanges } from '../../domain/git/field-changes.ts';
import { readManifest } from '../../domain/git/manifest-text.ts';
import { ReleaseFile, releaseFileOf, releasePath } from '../../domain/git/release-files.ts';
import type { GitClone, TouchingCommit } from '../../git/port.ts';

interface ReleaseId {
  readonly namespace: string;
  readonly name: string;
}

type TouchedFile = TouchingCommit['files'][number];

/** Of the values that the templates get only those are told that the user gave: the others follow from them and from the chart. */
const TOLD: readonly (readonly [file: ReleaseFile, prefix: string])[] = [
  [ReleaseFile.Chart, ''],
  [ReleaseFile.Values, 'values.'],
];

/** The commits that touched a Helm release, newest first: its chart, and values where they are not encrypted. Empty when the branch never had it. */
export async function releaseCommits(clone: GitClone, head: string, release: ReleaseId): Promise<readonly ObjectCommit[]> {
  const paths = Object.values(ReleaseFile).flatMap((file) => [releasePath(release, file), releasePath(release, file, true)]);
  const touching = await clone.history(head, paths);
  const commits: ObjectCommit[] = [];
  for (const { id, at, author, subject, files } of touching) {
    commits.push({ ...{ commit: id, at, author, subject }, what: fateOf(files), fields: await fieldsOf(clone, files) });
  }
  return commits;
}

/** A release has this file for as long as it is there. */
function fateOf(files: readonly TouchedFile[]): FileFate {
  const chart = plainFile(files, ReleaseFile.Chart);
  if (chart?.before === '') return FileFate.Created;
  return chart?.after === '' ? FileFate.Deleted : FileFate.Changed;
}

function plainFile(files: readonly TouchedFile[], file: ReleaseFile): TouchedFile | undefined {
  return files.find(({ path }) => {
    const found = releaseFileOf(path);
    return found?.file === file && !found.sealed;
  });
}

async function fieldsOf(clone: GitClone, files: readonly TouchedFile[]): Promise<readonly FieldChange[]> {
  const fields: FieldChange[] = [];
  for (const [name, prefix] of TOLD) {
    const file = plainFile(files, name);
    if (!file || file.before === '' || file.after === '') continue;
    const [before, after] = [await valuesIn(clone, file.before), await valuesIn(clone, file.after)];
    fields.push(...fieldChanges(before, after).map((change) => ({ ...change, path: `${prefix}${change.path}` })));
  }
  return fields;
}

/** Undefined when somebody has written something else there. */
async function valuesIn(clone: GitClone, blob: string): Promise<JsonObject | undefined> {
  for await (const content of clone.read([blob])) {
    try {
      return readManifest(content.toString('utf8'));
    } catch {
      return undefined;
    }
  }
  return undefined;
}
