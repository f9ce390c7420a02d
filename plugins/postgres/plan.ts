import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import { annotation, oneOf, taskLimits, wrongAnnotation } from '../annotations.ts';
import type { QuiesceSubject } from '../plugin.ts';
import {
  claimMounts,
  claimsHolding,
  claimsOf,
  containerNamed,
  containerWithImage,
  isRunning,
  nameOf,
  type ClaimMount,
} from '../pod-containers.ts';
import { taskId } from '../task.ts';
import { workloadsAbove } from '../workloads.ts';

const CONTAINER = 'holdfast.dev/postgres-container';
const MODE = 'holdfast.dev/postgres-mode';
const USER = 'holdfast.dev/postgres-user';
const DATABASE = 'holdfast.dev/postgres-database';
/** What becomes of the files of a database that is dumped. */
const DUMP_FILES = 'holdfast.dev/postgres-dump-files';
/** Where images keep the data when PGDATA does not say it. */
const DATA_FOLDERS = ['/var/lib/postgresql', '/bitnami/postgresql', '/home/postgres/pgdata'] as const;
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

function planPod(plugin: string, pod: JsonObject, subject: QuiesceSubject): readonly QuiesceTask[] {
  const { namespace, methods } = subject;
  const named = annotation(pod, CONTAINER);
  const detected = named === '' ? containerWithImage(pod, (image) => IMAGES.has(image)) : undefined;
  const container = detected ?? containerNamed(pod, named);
  const mounts = claimMounts(pod, container);
  const claims = claimsOf(mounts);
  const mode = modeOf(pod, claims, methods);
  if (claims.length === 0 && mode !== 'dump') return [];
  if (mode === 'backup-mode') refuseKeptSnapshots(pod, claims, methods);
  const name = nameOf(pod);
  const top = workloadsAbove(pod, subject).at(-1);
  const replaces = mode === 'dump' ? replacedClaims(pod, container, mounts) : [];
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
      ...(replaces.length === 0 ? {} : { replaces }),
      ...(top ? { workload: { kind: top.type.kind, name: nameOf(top.object) } } : {}),
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

/** A claim that is made from a kept snapshot has its pods at once: there is no time to put anything back. */
function refuseKeptSnapshots(pod: JsonObject, claims: readonly string[], methods: QuiesceSubject['methods']): void {
  const kept = claims.filter((claim) => methods[claim] === 'csi-snapshot');
  if (kept.length === 0) return;
  throw wrongAnnotation(
    pod,
    MODE,
    `is backup-mode, whose restore cannot put the log back into the kept snapshot of claim ${kept.join(', ')}: use data-move`,
  );
}

/** The claims that a dump takes the place of: those of the data folder. Where it lies in none that is known, only one claim leaves no doubt. */
function replacedClaims(pod: JsonObject, container: JsonObject, mounts: readonly ClaimMount[]): readonly string[] {
  if (oneOf(pod, DUMP_FILES, ['skip', 'keep']) === 'keep') return [];
  const said = textAt(
    listAt(container, 'env').find((entry) => textAt(entry, 'name') === 'PGDATA'),
    'value',
  );
  const holding = claimsHolding(mounts, said === '' ? DATA_FOLDERS : [said]);
  const claims = claimsOf(mounts);
  return holding.length === 0 && claims.length === 1 ? claims : holding;
}
