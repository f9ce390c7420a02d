import { gitForm } from '../../domain/git/git-form.ts';
import { autoscaled, withoutDrivenReplicas } from '../../domain/git/autoscaled.ts';
import { rulesFor, type ManifestRules } from '../../domain/git/field-rules.ts';
import { filePath } from '../../domain/git/file-path.ts';
import { leftOutOfGit } from '../../domain/git/left-out.ts';
import { manifestText } from '../../domain/git/manifest-text.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { objectRef, resourceKey } from '../../domain/resource/identity.ts';
import type { GitState, SourceObject } from './git-source.ts';

/** One file as it should be in the branch. */
export interface RenderedFile {
  readonly path: string;
  readonly text: string;
  /** To be encrypted. */
  readonly secret: boolean;
}

/** The files of a state, without those that are never in Git and those that the user's rules leave out. */
export async function* renderedFiles(state: GitState, rules: ManifestRules, sealsSecrets: boolean): AsyncGenerator<RenderedFile> {
  const driven = autoscaled(state.autoscalers);
  const known = new Map<string, ReturnType<typeof rulesFor>>();
  const rulesOf = (type: ResourceType): ReturnType<typeof rulesFor> => {
    const found = known.get(resourceKey(type)) ?? rulesFor(rules, type);
    known.set(resourceKey(type), found);
    return found;
  };
  for await (const { object, type } of state.objects()) {
    const secret = isSecret(type);
    const { ignored, apply } = rulesOf(type);
    if (ignored || (secret && !sealsSecrets) || leftOutOfGit(object, type) !== '') continue;
    const text = manifestText(apply(gitForm(withoutDrivenReplicas(object, type, driven), type)));
    yield { path: filePath(objectRef(object, type), secret), text, secret };
  }
}

function isSecret(type: SourceObject['type']): boolean {
  return resourceKey(type) === 'secrets';
}
