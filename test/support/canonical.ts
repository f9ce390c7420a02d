import { eachOf, type Plain, type PlainObject, type RawApi } from './raw-api.ts';

/**
 * An independent notion of "the same object": written from the Kubernetes documentation, sharing no code with domain/. What a cluster
 * allots or a controller derives is left out; everything else counts, numbers as they are written.
 */

/** Text of numbers that a double cannot carry, marked so that 1.0 is not 1. */
export function parseExactly(json: string): PlainObject {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== 'number' || context?.source === undefined || String(value) === context.source) return value;
    return `number ${context.source}`;
  }) as PlainObject;
}

const SERVER_METADATA = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'selfLink',
  'deletionGracePeriodSeconds',
];
const CONTROLLER_ANNOTATIONS =
  /^(deployment\.kubernetes\.io\/|pv\.kubernetes\.io\/|volume\.(beta\.)?kubernetes\.io\/|kubernetes\.io\/service-account\.uid|deprecated\.daemonset)/;
const CONTROLLER_FINALIZERS =
  /^(kubernetes\.io\/pvc?-protection|batch\.kubernetes\.io\/job-tracking|customresourcecleanup\.apiextensions\.k8s\.io|external-provisioner\.volume\.kubernetes\.io\/finalizer)$/;
const JOB_LABELS = /^(batch\.kubernetes\.io\/)?(controller-uid|job-name)$/;

/** Kinds that belong to the cluster, not to a project. */
const CLUSTERS_OWN = new Set(['Event', 'EndpointSlice', 'Endpoints', 'Lease', 'Node', 'CSINode', 'IPAddress', 'ControllerRevision']);
/** Owners that make such objects again by themselves. */
const MAKERS = new Set(['ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'ReplicationController']);

/** Is this object part of what a restore brings back? Not what controllers make anew, and not what must never run or be valid twice. */
export function isProjects(object: PlainObject): boolean {
  const kind = String(object['kind']);
  const metadata = record(object['metadata']);
  if (CLUSTERS_OWN.has(kind)) return false;
  if (kind === 'ConfigMap' && metadata['name'] === 'kube-root-ca.crt') return false;
  if (kind === 'ServiceAccount' && metadata['name'] === 'default') return false;
  const owners = list(metadata['ownerReferences']).map(record);
  if (kind !== 'PersistentVolumeClaim' && owners.some((owner) => owner['controller'] === true && MAKERS.has(String(owner['kind']))))
    return false;
  if (kind === 'Job')
    return !list(record(object['status'])['conditions']).some((condition) =>
      ['Complete', 'Failed'].includes(String(record(condition)['type'])),
    );
  if (kind === 'Pod') return !['Succeeded', 'Failed'].includes(String(record(object['status'])['phase']));
  return true;
}

/** The canonical text of an object; `namespaces` renames those that a restore mapped. */
export function canonical(object: PlainObject, namespaces: Readonly<Record<string, string>> = {}): string {
  const { status: _status, ...rest } = object;
  const metadata = canonicalMetadata(record(rest['metadata']), namespaces);
  const kind = String(object['kind']);
  const body = SPECIAL[kind]?.({ ...rest, metadata }, namespaces) ?? { ...rest, metadata };
  return JSON.stringify(sorted(body));
}

/** `group/Kind namespace/name` */
export function objectKey(object: PlainObject, namespaces: Readonly<Record<string, string>> = {}): string {
  const metadata = record(object['metadata']);
  const apiVersion = String(object['apiVersion']);
  const group = apiVersion.includes('/') ? `${apiVersion.slice(0, apiVersion.indexOf('/'))}/` : '';
  const namespace = metadata['namespace'] === undefined ? '' : `${mapped(String(metadata['namespace']), namespaces)}/`;
  const name = object['kind'] === 'Namespace' ? mapped(String(metadata['name']), namespaces) : String(metadata['name']);
  return `${group}${String(object['kind'])} ${namespace}${name}`;
}

/** Canonical text by key. */
export type Snapshot = ReadonlyMap<string, string>;

export interface SnapshotOptions {
  /** Cluster-scoped objects to include, as `Kind name`; their namespaces are included by themselves. */
  readonly cluster?: readonly string[];
  /** Names that the namespaces get in the keys and texts. */
  readonly rename?: Readonly<Record<string, string>>;
}

/** The project in some namespaces as it is in the cluster now. */
export async function takeSnapshot(api: RawApi, namespaces: readonly string[], options: SnapshotOptions = {}): Promise<Snapshot> {
  const { cluster = [], rename = {} } = options;
  const wanted = new Set([...cluster, ...namespaces.map((name) => `Namespace ${name}`)]);
  const wantedKinds = new Set([...wanted].map((entry) => entry.split(' ', 1)[0] ?? ''));
  const taken = new Map<string, string>();
  const kinds = (await api.kinds()).filter(({ verbs }) => verbs.includes('list') && verbs.includes('create'));
  await eachOf(kinds, 8, async (kind) => {
    if (!kind.namespaced && !wantedKinds.has(kind.kind)) return;
    for (const namespace of kind.namespaced ? namespaces : ['']) {
      const answer = await api.send('GET', api.collection(kind, namespace));
      if (answer.status !== 200) throw new Error(`GET ${kind.plural}: ${answer.status} ${answer.text.slice(0, 300)}`);
      const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
      for (const item of list(parseExactly(answer.text)['items'])) {
        const object: PlainObject = { ...record(item), apiVersion, kind: kind.kind };
        const known = kind.namespaced || wanted.has(`${kind.kind} ${String(record(object['metadata'])['name'])}`);
        if (known && isProjects(object)) taken.set(objectKey(object, rename), canonical(object, rename));
      }
    }
  });
  return taken;
}

/** What differs between two snapshots, one line for each object; no values, they may be secret. */
export function snapshotDifferences(expected: Snapshot, found: Snapshot): string[] {
  const missing = [...expected.keys()].filter((key) => !found.has(key)).map((key) => `missing: ${key}`);
  const extra = [...found.keys()].filter((key) => !expected.has(key)).map((key) => `not expected: ${key}`);
  const different = [...expected].flatMap(([key, text]) => {
    const other = found.get(key);
    return other === undefined || other === text
      ? []
      : [`different: ${key}: ${pathsThatDiffer(JSON.parse(text) as Plain, JSON.parse(other) as Plain).join(', ')}`];
  });
  return [...missing, ...extra, ...different].sort();
}

/** `group/Kind` to number. */
export function countsByKind(snapshot: Snapshot): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of [...snapshot.keys()].sort()) {
    const kind = key.slice(0, key.indexOf(' '));
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function canonicalMetadata(metadata: PlainObject, namespaces: Readonly<Record<string, string>>): PlainObject {
  const result: PlainObject = without(metadata, SERVER_METADATA);
  if (result['namespace'] !== undefined) result['namespace'] = mapped(String(result['namespace']), namespaces);
  const owners = list(result['ownerReferences']).map((owner) => without(record(owner), ['uid']));
  result['ownerReferences'] = owners.map((owner) => JSON.stringify(sorted(owner))).sort();
  result['finalizers'] = list(result['finalizers']).filter((finalizer) => !CONTROLLER_FINALIZERS.test(String(finalizer)));
  result['annotations'] = Object.fromEntries(
    Object.entries(record(result['annotations'])).filter(([key]) => !CONTROLLER_ANNOTATIONS.test(key)),
  );
  result['labels'] = record(result['labels']);
  return result;
}

type Special = (object: PlainObject, namespaces: Readonly<Record<string, string>>) => PlainObject;

const SPECIAL: Readonly<Record<string, Special>> = {
  Namespace: (object, namespaces) => {
    const metadata = record(object['metadata']);
    const name = mapped(String(metadata['name']), namespaces);
    const labels: PlainObject = { ...record(metadata['labels']) };
    if (labels['kubernetes.io/metadata.name'] !== undefined) labels['kubernetes.io/metadata.name'] = name;
    return { ...object, metadata: { ...metadata, name, labels }, spec: {} };
  },
  Service: (object) => {
    const spec = record(object['spec']);
    const ports = list(spec['ports']).map((port) => without(record(port), ['nodePort']));
    const headless = spec['clusterIP'] === 'None';
    return { ...object, spec: { ...without(spec, headless ? [] : ['clusterIP', 'clusterIPs']), ports } };
  },
  PersistentVolumeClaim: (object) => ({ ...object, spec: without(record(object['spec']), ['volumeName']) }),
  PersistentVolume: (object) => {
    const spec = record(object['spec']);
    return { ...object, spec: { ...spec, claimRef: without(record(spec['claimRef']), ['uid', 'resourceVersion']) } };
  },
  Secret: (object) => (object['type'] === 'kubernetes.io/service-account-token' ? without(object, ['data']) : object),
  ServiceAccount: (object) => without(object, ['secrets']),
  Job: (object) => {
    const spec = record(object['spec']);
    const template = record(spec['template']);
    const unlabelled = (metadata: Plain | undefined): PlainObject => {
      const labels = Object.entries(record(record(metadata)['labels'])).filter(([key]) => !JOB_LABELS.test(key));
      return { ...record(metadata), labels: Object.fromEntries(labels) };
    };
    const cleaned = { ...template, metadata: without(unlabelled(template['metadata']), ['creationTimestamp']) };
    return { ...object, metadata: unlabelled(object['metadata']), spec: { ...without(spec, ['selector']), template: cleaned } };
  },
  Pod: (object) => {
    const spec = without(record(object['spec']), ['nodeName', 'priority', 'preemptionPolicy']);
    const isToken = (item: Plain) => String(record(item)['name']).startsWith('kube-api-access-');
    const unmounted = (containers: Plain | undefined) =>
      list(containers).map((container) => ({
        ...record(container),
        volumeMounts: list(record(container)['volumeMounts']).filter((mount) => !isToken(mount)),
      }));
    const volumes = list(spec['volumes']).filter((volume) => !isToken(volume));
    return {
      ...object,
      spec: { ...spec, volumes, containers: unmounted(spec['containers']), initContainers: unmounted(spec['initContainers']) },
    };
  },
  RoleBinding: (object, namespaces) => ({
    ...object,
    subjects: list(object['subjects']).map((subject) => {
      const { namespace, ...rest } = record(subject);
      return namespace === undefined ? rest : { ...rest, namespace: mapped(String(namespace), namespaces) };
    }),
  }),
};

function mapped(namespace: string, namespaces: Readonly<Record<string, string>>): string {
  return namespaces[namespace] ?? namespace;
}

function without(object: PlainObject, keys: readonly string[]): PlainObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function record(value: Plain | undefined): PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function list(value: Plain | undefined): Plain[] {
  return Array.isArray(value) ? value : [];
}

/** Keys in order; what is null, or empty and written out, is the same as what is not written. */
function sorted(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, Plain] => [key, sorted(inner)]);
  // A `__proto__` key must stay a key.
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function pathsThatDiffer(a: Plain, b: Plain, path = ''): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  const isMap = (value: Plain): value is PlainObject => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap(a) || !isMap(b)) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => pathsThatDiffer(a[key] ?? null, b[key] ?? null, `${path}/${key}`)).slice(0, 10);
}
