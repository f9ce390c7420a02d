import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import { annotation, taskLimits, wrongAnnotation } from '../annotations.ts';
import type { QuiesceSubject } from '../plugin.ts';
import { claimMounts, claimsHolding, containerNamed, containerWithImage, isRunning, locateInClaims, nameOf } from '../pod-containers.ts';
import { taskId } from '../task.ts';
import { workloadsAbove } from '../workloads.ts';

const PREFIX = 'holdfast.dev/elasticsearch';
const CLUSTER = `${PREFIX}-cluster`;
const CONTAINER = `${PREFIX}-container`;
const REPOSITORY = `${PREFIX}-repository`;
const REPOSITORY_PATH = `${PREFIX}-repository-path`;
const DATA_PATH = `${PREFIX}-data-path`;
const URL_OF = `${PREFIX}-url`;
const USER = `${PREFIX}-user`;
const PASSWORD_ENV = `${PREFIX}-password-env`;

/** A snapshot of a large cluster takes hours when it is the first. */
const TIMEOUT_S = 6 * 3_600;
const IMAGES: ReadonlySet<string> = new Set(['elasticsearch', 'elasticsearch-oss', 'elasticsearch-wolfi', 'opensearch']);
/** Labels by which the operators name the cluster of a pod. */
const CLUSTER_LABELS = [
  'elasticsearch.k8s.elastic.co/cluster-name',
  'opensearch.org/opensearch-cluster',
  'opster.io/opensearch-cluster',
] as const;
/** Where the images keep data when nothing says otherwise. */
const DATA_FOLDERS = [
  '/usr/share/elasticsearch/data',
  '/usr/share/opensearch/data',
  '/bitnami/elasticsearch/data',
  '/bitnami/opensearch/data',
] as const;

export function isSearchEngine(pod: JsonObject): boolean {
  return containerWithImage(pod, (image) => IMAGES.has(image)) !== undefined;
}

/** One task for each cluster: its pods share an id, and each adds its claims. Pods without claims have nothing to lose, and are none. */
export function planSearchEngines(plugin: string, subject: QuiesceSubject): readonly QuiesceTask[] {
  return subject.pods.filter(isRunning).flatMap((pod) => planPod(plugin, pod, subject));
}

function planPod(plugin: string, pod: JsonObject, subject: QuiesceSubject): readonly QuiesceTask[] {
  const container = serverOf(pod);
  const mounts = claimMounts(pod, container);
  const dataClaims = claimsHolding(mounts, dataFolders(pod, container));
  const place = snapshotPlace(pod, container);
  if (dataClaims.length === 0 && place.repository === '' && place.claim === '') return [];
  if (place.repository === '' && (place.claim === '' || dataClaims.includes(place.claim))) throw nowhereToKeep(pod, place);
  const [top] = workloadsAbove(pod, subject).slice(-1);
  const application = clusterOf(pod) || nameOf(top?.object ?? pod);
  return [
    {
      id: taskId(plugin, subject.namespace, application),
      plugin,
      namespace: subject.namespace,
      application,
      settings: {
        pod: nameOf(pod),
        container: textAt(container, 'name'),
        repository: place.repository,
        path: place.path,
        dataClaims,
        url: urlOf(pod),
        user: annotation(pod, USER),
        passwordEnv: passwordEnvOf(pod),
        mounts: mounts.map(({ claim, mountPath, subPath }) => ({ claim, mountPath, subPath })),
      },
      ...taskLimits([pod], { timeoutSeconds: TIMEOUT_S }),
      claims: place.claim === '' ? [] : [place.claim],
      replaces: dataClaims,
      ...(top ? { workload: { kind: top.type.kind, name: nameOf(top.object) } } : {}),
      guarantee: 'application',
    },
  ];
}

/** Where snapshots go: a repository that is registered, or a folder and its claim. '' for what is not known. */
interface SnapshotPlace {
  readonly repository: string;
  readonly path: string;
  readonly claim: string;
}

function snapshotPlace(pod: JsonObject, container: JsonObject): SnapshotPlace {
  const repository = annotation(pod, REPOSITORY);
  if (repository !== '') return { repository, path: '', claim: '' };
  const path = repositoryPath(pod, container);
  const located = path === '' ? undefined : locateInClaims(claimMounts(pod, container), path);
  return { repository, path, claim: located?.claim ?? '' };
}

function serverOf(pod: JsonObject): JsonObject {
  const named = annotation(pod, CONTAINER);
  const detected = named === '' ? containerWithImage(pod, (image) => IMAGES.has(image)) : undefined;
  return detected ?? containerNamed(pod, named);
}

function clusterOf(pod: JsonObject): string {
  const labelled = CLUSTER_LABELS.map((label) => textAt(pod, 'metadata', 'labels', label)).find((name) => name !== '');
  return annotation(pod, CLUSTER) || (labelled ?? '');
}

function dataFolders(pod: JsonObject, container: JsonObject): readonly string[] {
  const said = annotation(pod, DATA_PATH) || settingOf(container, 'path.data');
  return said === '' ? DATA_FOLDERS : [said];
}

function repositoryPath(pod: JsonObject, container: JsonObject): string {
  const said =
    annotation(pod, REPOSITORY_PATH) || settingOf(container, 'path.repo') || settingOf(container, 'ELASTICSEARCH_FS_SNAPSHOT_REPO_PATH');
  const [first = ''] = said.replace(/^\[|\]$/g, '').split(',');
  return first
    .trim()
    .replace(/^["']|["']$/g, '')
    .replace(/(.)\/+$/, '$1');
}

/** A setting as the images take it: in the container's environment under its own name, or as `-Ename=value` of its command. */
function settingOf(container: JsonObject, name: string): string {
  const variable = listAt(container, 'env').find((entry) => textAt(entry, 'name') === name);
  const words = [...listAt(container, 'command'), ...listAt(container, 'args')].filter((word) => typeof word === 'string');
  const flag = words.find((word) => word.startsWith(`-E${name}=`));
  return (textAt(variable, 'value') || (flag?.slice(name.length + 3) ?? '')).trim();
}

function urlOf(pod: JsonObject): string {
  const url = annotation(pod, URL_OF).replace(/\/+$/, '');
  // What is in the URL becomes an argument of curl: a password must not.
  if (url === '' || /^https?:\/\/[A-Za-z0-9.:[\]-]+$/.test(url)) return url;
  throw wrongAnnotation(pod, URL_OF, 'is no URL such as https://localhost:9200, without a user and without a path');
}

function passwordEnvOf(pod: JsonObject): string {
  const name = annotation(pod, PASSWORD_ENV);
  if (name === '' || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw wrongAnnotation(pod, PASSWORD_ENV, 'is no name of an environment variable');
}

function nowhereToKeep(pod: JsonObject, { path, claim }: SnapshotPlace): HoldfastError {
  const where = `pod ${textAt(pod, 'metadata', 'namespace')}/${nameOf(pod)}`;
  const advice = `mount a claim of its own (shared by all nodes) at a path.repo and name the path in ${REPOSITORY_PATH}, name a repository that is registered in ${REPOSITORY}, or say holdfast.dev/quiesce: none`;
  const none =
    path === '' ? 'its snapshots have nowhere to go: neither a repository nor a path.repo is known' : `path.repo ${path} lies in no claim`;
  const problem = claim === '' ? none : `path.repo ${path} lies in claim ${claim}, which holds the node's data too`;
  return new HoldfastError(FailureType.BadInput, `${where}: ${problem}`, { advice });
}
