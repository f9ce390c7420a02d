import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import type { Selection } from '../../contracts/selection.ts';
import { appVersionOf, type Release } from '../helm/release.ts';
import { computedValues } from '../helm/values.ts';
import { yamlText } from '../helm/yaml-text.ts';
import { compileSelection } from '../selection/matcher.ts';
import { escapedName, unescapedName } from './path-name.ts';

/** The files of one Helm release. No kind has a folder that begins so. */
const HELM_FOLDER = '_helm';
const SEALED = '.age';

/** What rules and people call releases, as if they were a kind. */
export const RELEASES: ResourceType = { group: 'helm.sh', version: '', kind: 'Release', resource: 'releases', namespaced: true };
/** The kinds in which Helm keeps its records. */
const RECORD_KINDS: readonly ResourceType[] = [
  { group: '', version: 'v1', kind: 'Secret', resource: 'secrets', namespaced: true },
  { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true },
];

/** What is installed, which is no secret; the values that the user gave; the values that the templates get. */
export const ReleaseFile = { Chart: 'release.yaml', Values: 'values.yaml', Computed: 'computed-values.yaml' } as const;
export type ReleaseFile = (typeof ReleaseFile)[keyof typeof ReleaseFile];

interface ReleaseId {
  readonly namespace: string;
  readonly name: string;
}

/** What a path stands for in the folder of a release. */
export interface ReleasePath extends ReleaseId {
  readonly file: ReleaseFile;
  /** Encrypted with age. */
  readonly sealed: boolean;
}

/** `shop/_helm/web/values.yaml`. */
export function releasePath({ namespace, name }: ReleaseId, file: ReleaseFile, sealed = false): string {
  return `${releaseFolder({ namespace, name })}/${file}${sealed ? SEALED : ''}`;
}

/** `shop/_helm/web`: a release's own. */
export function releaseFolder({ namespace, name }: ReleaseId): string {
  return `${escapedName(namespace)}/${HELM_FOLDER}/${escapedName(name)}`;
}

/** The file of a release that a path of the layout stands for; undefined for every other file. */
export function releaseFileOf(path: string): ReleasePath | undefined {
  const [folder = '', , release = '', last = ''] = path.split('/');
  const sealed = last.endsWith(SEALED);
  const file = Object.values(ReleaseFile).find((known) => known === (sealed ? last.slice(0, -SEALED.length) : last));
  if (file === undefined) return undefined;
  const found = { namespace: unescapedName(folder), name: unescapedName(release), file, sealed };
  // Whatever Holdfast would write otherwise is not its own.
  return folder !== '' && release !== '' && releasePath(found, file, sealed) === path ? found : undefined;
}

/**
 * The texts of a release. What changes with every upgrade and tells nothing (number, time and state of the revision) is left out, and so is a hash of
 * the values, by which short ones could be guessed. `apply` takes away what the user's rules say.
 */
export function releaseTexts(release: Release, apply: (values: JsonObject) => JsonObject): Readonly<Record<ReleaseFile, string>> {
  const { name, namespace, chart } = release;
  const { name: chartName, version } = chart.metadata;
  const appVersion = appVersionOf(chart);
  return {
    [ReleaseFile.Chart]: yamlText({ name, namespace, chart: chartName, version, ...(appVersion === '' ? {} : { appVersion }) }),
    [ReleaseFile.Values]: yamlText(apply(release.config)),
    [ReleaseFile.Computed]: yamlText(apply(computedValues(release))),
  };
}

/** Whether these selections take release records by namespace and kind alone. Labels and names of objects pick revisions, and say nothing of a release. */
export function takesReleases(selections: readonly Selection[]): boolean {
  return selections.every(
    ({ labelSelector, orLabelSelectors, objects }) => labelSelector.trim() === '' && orLabelSelectors.length === 0 && objects.length === 0,
  );
}

/**
 * The files of releases that the selections would take and that are not there any more. A record may be a Secret or a ConfigMap: only whoever has seen
 * both knows that there is none.
 */
export function orphanedReleaseFiles(
  paths: Iterable<string>,
  kept: ReadonlySet<string>,
  selections: readonly Selection[],
): readonly string[] {
  if (!takesReleases(selections)) return [];
  const matchers = selections.map((selection) => compileSelection(selection, { types: RECORD_KINDS }));
  const seesRecords = matchers.every((matcher) => RECORD_KINDS.every((kind) => matcher.takesType(kind)));
  if (!seesRecords) return [];
  return [...paths].filter((path) => {
    const file = kept.has(path) ? undefined : releaseFileOf(path);
    return file !== undefined && matchers.every((matcher) => matcher.takesNamespace(file.namespace));
  });
}
