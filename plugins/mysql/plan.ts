import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { annotation, oneOf, taskLimits, wrongAnnotation } from '../annotations.ts';
import type { QuiesceSubject } from '../plugin.ts';
import { claimMounts, claimsHolding, containerNamed, containerWithImage, isRunning, nameOf } from '../pod-containers.ts';
import { taskId } from '../task.ts';
import { workloadsAbove } from '../workloads.ts';

const CONTAINER = 'holdfast.dev/mysql-container';
const MODE = 'holdfast.dev/mysql-mode';
const USER = 'holdfast.dev/mysql-user';
const PASSWORD_ENV = 'holdfast.dev/mysql-password-env';
const DATA_PATH = 'holdfast.dev/mysql-data-path';
/** A large database takes hours to dump. */
const DUMP_TIMEOUT_S = 6 * 3_600;

/** The last words of images that are a server of MySQL or MariaDB. */
const IMAGES: ReadonlySet<string> = new Set(['mysql', 'mysql-server', 'mariadb', 'percona', 'percona-server']);
const DATA_FOLDERS = ['/var/lib/mysql', '/bitnami/mysql/data', '/bitnami/mariadb/data'] as const;

type MysqlMode = 'lock' | 'dump';

export function isMysql(pod: JsonObject): boolean {
  return containerWithImage(pod, (image) => IMAGES.has(image)) !== undefined;
}

/** One task for each pod that runs and keeps data in claims. */
export function planMysql(plugin: string, subject: QuiesceSubject): readonly QuiesceTask[] {
  return subject.pods.filter(isRunning).flatMap((pod) => planPod(plugin, pod, subject));
}

function planPod(plugin: string, pod: JsonObject, subject: QuiesceSubject): readonly QuiesceTask[] {
  const named = annotation(pod, CONTAINER);
  const detected = named === '' ? containerWithImage(pod, (image) => IMAGES.has(image)) : undefined;
  const container = detected ?? containerNamed(pod, named);
  const mounts = claimMounts(pod, container);
  const said = annotation(pod, DATA_PATH);
  const claims = claimsHolding(mounts, said === '' ? DATA_FOLDERS : [said]);
  if (claims.length === 0) return [];
  const mode = modeOf(pod, claims, subject.methods);
  const name = nameOf(pod);
  const top = workloadsAbove(pod, subject).at(-1);
  return [
    {
      id: taskId(plugin, subject.namespace, name),
      plugin,
      namespace: subject.namespace,
      application: name,
      settings: {
        pod: name,
        container: textAt(container, 'name'),
        mode,
        user: annotation(pod, USER),
        passwordEnv: passwordEnvOf(pod),
        dataClaims: claims,
        mounts: mounts.map(({ claim, mountPath, subPath }) => ({ claim, mountPath, subPath })),
      },
      ...taskLimits([pod], mode === 'dump' ? { timeoutSeconds: DUMP_TIMEOUT_S } : {}),
      claims: mode === 'lock' ? claims : [],
      ...(mode === 'dump' ? { replaces: claims } : {}),
      ...(top ? { workload: { kind: top.type.kind, name: nameOf(top.object) } } : {}),
      // InnoDB writes on behind the lock: a snapshot is what a power failure would leave, with everything else flushed.
      guarantee: mode === 'lock' ? 'crash' : 'application',
    },
  ];
}

/**
 * A snapshot of a single volume is one moment, and the server starts from it. Files that are copied while InnoDB writes to them, and snapshots
 * of several volumes one after the other, are worth nothing, lock or not: there the dump takes their place.
 */
function modeOf(pod: JsonObject, claims: readonly string[], methods: QuiesceSubject['methods']): MysqlMode {
  const asked = oneOf(pod, MODE, ['auto', 'lock', 'dump']);
  const [claim = '', ...more] = claims;
  const isOneMoment = more.length === 0 && (methods[claim] === 'csi-snapshot' || methods[claim] === 'data-move');
  if (asked === 'auto') return isOneMoment ? 'lock' : 'dump';
  if (asked === 'lock' && !isOneMoment) {
    throw wrongAnnotation(
      pod,
      MODE,
      'needs a single data volume that is captured from a snapshot: InnoDB writes behind the lock; use dump',
    );
  }
  return asked;
}

function passwordEnvOf(pod: JsonObject): string {
  const name = annotation(pod, PASSWORD_ENV);
  if (name === '' || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw wrongAnnotation(pod, PASSWORD_ENV, 'is no name of an environment variable');
}
