import { gitForm } from '../../domain/git/git-form.ts';
import { autoscaled, withoutDrivenReplicas } from '../../domain/git/autoscaled.ts';
import { rulesFor } from '../../domain/git/field-rules.ts';
import { filePath } from '../../domain/git/file-path.ts';
import { leftOutOfGit } from '../../domain/git/left-out.ts';
import { manifestText } from '../../domain/git/manifest-text.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { objectRef, resourceKey } from '../../domain/resource/identity.ts';
import type { GitRemote } from '../../git/port.ts';
import type { GitState } from './git-source.ts';
import type { ReleaseRecords } from './release-records.ts';

/** One file as it should be in the branch. */
export interface RenderedFile {
  readonly path: string;
  readonly text: string;
  /** To be encrypted. */
  readonly sealed: boolean;
}

/** The files of a state, without those that are never in Git and those that the user's rules leave out; those of Helm releases last. */
export async function* renderedFiles(
  state: GitState,
  { rules, secrets }: Pick<GitRemote, 'rules' | 'secrets'>,
  releases: ReleaseRecords,
): AsyncGenerator<RenderedFile> {
  const driven = autoscaled(state.autoscalers);
  const known = new Map<string, ReturnType<typeof rulesFor>>();
  const rulesOf = (type: ResourceType): ReturnType<typeof rulesFor> => {
    const found = known.get(resourceKey(type)) ?? rulesFor(rules, type);
    known.set(resourceKey(type), found);
    return found;
  };
  for await (const found of state.objects()) {
    if (releases.take(found)) continue;
    const { object, type } = found;
    const sealed = resourceKey(type) === 'secrets';
    const { ignored, apply } = rulesOf(type);
    if (ignored || (sealed && secrets === 'omit') || leftOutOfGit(object, type) !== '') continue;
    const text = manifestText(apply(gitForm(withoutDrivenReplicas(object, type, driven), type)));
    yield { path: filePath(objectRef(object, type), sealed), text, sealed };
  }
  yield* releases.files(state);
}
