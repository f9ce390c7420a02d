import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { annotation, oneOf, taskLimits } from '../annotations.ts';
import type { QuiesceSubject } from '../plugin.ts';
import { claimMounts, claimsOf, containerNamed, containerWithImage, isRunning, nameOf } from '../pod-containers.ts';
import { taskId } from '../task.ts';

const CONTAINER = 'holdfast.dev/postgres-container';
const MODE = 'holdfast.dev/postgres-mode';
const USER = 'holdfast.dev/postgres-user';
const DATABASE = 'holdfast.dev/postgres-database';
/** A large database takes hours to dump. */
const DUMP_TIMEOUT_S = 6 * 3_600;

/** The last words of images that are a PostgreSQL server. */
const IMAGES: ReadonlySet<string> = new Set(['postgres', 'postgresql', 'postgis']);

export type PostgresMode = 'backup-mode' | 'checkpoint' | 'dump';

export function isPostgres(pod: JsonObject): boolean {
  return containerWithImage(pod, (image) => IMAGES.has(image)) !== undefined;
}

/** One task for each pod that runs and keeps data in claims; a dump needs none. */
export function planPostgres(plugin: string, subject: QuiesceSubject): readonly QuiesceTask[] {
  return subject.pods.filter(isRunning).flatMap((pod) => planPod(plugin, pod, subject));
}

function planPod(plugin: string, pod: JsonObject, { namespace, methods }: QuiesceSubject): readonly QuiesceTask[] {
  const named = annotation(pod, CONTAINER);
  const detected = named === '' ? containerWithImage(pod, (image) => IMAGES.has(image)) : undefined;
  const container = detected ?? containerNamed(pod, named);
  const mounts = claimMounts(pod, container);
  const claims = claimsOf(mounts);
  const mode = modeOf(pod, claims, methods);
  if (claims.length === 0 && mode !== 'dump') return [];
  const name = nameOf(pod);
  return [
    {
      id: taskId(plugin, namespace, name),
      plugin,
      namespace,
      application: name,
      settings: {
        pod: name,
        container: textAt(container, 'name'),
        mode,
        user: annotation(pod, USER),
        database: annotation(pod, DATABASE),
        mounts: mounts.map(({ claim, mountPath, subPath }) => ({ claim, mountPath, subPath })),
      },
      ...taskLimits([pod], mode === 'dump' ? { timeoutSeconds: DUMP_TIMEOUT_S } : {}),
      // The dump is a backup of its own: it says nothing about files that are copied meanwhile.
      claims: mode === 'dump' ? [] : claims,
      guarantee: mode === 'checkpoint' ? 'crash' : 'application',
    },
  ];
}

/**
 * A snapshot of a single volume is one moment: the server starts from it as after a power failure, and a checkpoint before it makes that
 * short. Everything else is copied while it changes, and needs the backup mode.
 */
function modeOf(pod: JsonObject, claims: readonly string[], methods: QuiesceSubject['methods']): PostgresMode {
  const asked = oneOf(pod, MODE, ['auto', 'backup-mode', 'checkpoint', 'dump']);
  if (asked !== 'auto') return asked;
  const [claim = '', ...more] = claims;
  const isOneMoment = more.length === 0 && (methods[claim] === 'csi-snapshot' || methods[claim] === 'data-move');
  return isOneMoment ? 'checkpoint' : 'backup-mode';
}
