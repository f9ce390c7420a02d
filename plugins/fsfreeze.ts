import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { QuiesceState, QuiesceTask } from '../contracts/quiesce.ts';
import type { ExecResult } from '../kubernetes/port.ts';
import { annotation, oneOf, taskLimits, wrongAnnotation } from './annotations.ts';
import { dropLease, LEASE_LOST, leaseToken, renewLease, takeLease } from './lease-script.ts';
import type { PluginContext, QuiesceOutcome, QuiescePlugin } from './plugin.ts';
import { claimMounts, claimsOf, containerNamed, isRunning, nameOf, readMounts } from './pod-containers.ts';
import { forRelease, releaseAfter, runCommand } from './run-command.ts';
import { briefly } from '../domain/text/briefly.ts';
import { taskFailure, taskId, taskWarning } from './task.ts';
import { textAt } from '../domain/resource/fields.ts';

const NAME = 'fsfreeze';
const CONTAINER = 'holdfast.dev/fsfreeze-container';
const MOUNT = 'holdfast.dev/fsfreeze-mount';
const SHARED = 'holdfast.dev/fsfreeze-shared';
const COMMAND_S = 30;

/**
 * Refuses what must not be frozen. $1 says whether shared file systems may be; the other words are mount points. A mount whose root is not
 * `/` is a folder of a larger file system: often the node's own, where the kubelet and we would be frozen with it.
 */
const CHECK = `
shared=$1; shift
command -v fsfreeze > /dev/null 2>&1 || { echo "the container has no fsfreeze" >&2; exit 72; }
for mount; do
  found=
  while read -r id parent device root point rest; do
    if [ "$point" = "$mount" ]; then found=$root; own=$device; fi
    if [ "$point" = "$folder" ]; then lease=$device; fi
  done < /proc/self/mountinfo
  [ -n "$found" ] || { echo "$mount is no mount point" >&2; exit 73; }
  [ "$found" = / ] || [ "$shared" = allow ] || { echo "$mount is a folder of a larger file system" >&2; exit 74; }
  [ "\${lease:-}" != "$own" ] || { echo "$mount holds the lease" >&2; exit 75; }
done`;

/** A mount that is frozen already is ours when the lease was held. After a failure nothing of ours stays frozen. */
const FREEZE = `
for mount; do
  words=$(fsfreeze --freeze "$mount" 2>&1) && continue
  case "$held $words" in "1 "*busy*) continue ;; esac
  echo "$words" >&2
  for other; do
    [ "$held $other" != "0 $mount" ] || return 76
    fsfreeze --unfreeze "$other" > /dev/null 2>&1
  done
  return 76
done`;

const THAW = `
failed=0
for mount; do words=$(fsfreeze --unfreeze "$mount" 2>&1) || { echo "$words" >&2; failed=77; }; done
return $failed`;

/** Stops writing to file systems while they are captured; docs/plugins/fsfreeze.md. */
export const fsfreezePlugin: QuiescePlugin = {
  name: NAME,
  detects: () => false,
  plan: ({ namespace, pods }) => pods.filter(isRunning).flatMap((pod) => planPod(namespace, pod)),
  quiesce,
  renew,
  release,
};

function planPod(namespace: string, pod: JsonObject): readonly QuiesceTask[] {
  const container = containerNamed(pod, annotation(pod, CONTAINER));
  const wanted = annotation(pod, MOUNT);
  const mounts = claimMounts(pod, container).filter(({ mountPath }) => wanted === '' || mountPath === wanted);
  if (wanted !== '' && mounts.length === 0) throw wrongAnnotation(pod, MOUNT, 'is where the container mounts no claim');
  if (mounts.length === 0) return [];
  const name = nameOf(pod);
  return [
    {
      id: taskId(NAME, namespace, name),
      plugin: NAME,
      namespace,
      application: name,
      settings: {
        pod: name,
        container: textAt(container, 'name'),
        mounts: mounts.map(({ claim, mountPath, subPath }) => ({ claim, mountPath, subPath })),
        shared: oneOf(pod, SHARED, ['refuse', 'allow']),
      },
      ...taskLimits([pod]),
      claims: claimsOf(mounts),
      guarantee: 'file-system',
    },
  ];
}

async function quiesce(task: QuiesceTask, context: PluginContext): Promise<QuiesceOutcome> {
  const scripts = { check: CHECK, act: FREEZE, undo: THAW };
  const command = takeLease(lease(task, context), scripts, [textAt(task.settings, 'shared'), ...mountPoints(task)]);
  const timeoutSeconds = Math.min(task.timeoutSeconds, task.leaseSeconds);
  const letGo = () => release(task, undefined, forRelease(context, COMMAND_S));
  const result = await runCommand(task, context, { command, timeoutSeconds }).catch((error: unknown) => releaseAfter(error, task, letGo));
  if (result.exitCode === 0) return { state: {}, warnings: [] };
  throw taskFailure(task, `it cannot be frozen: ${problemOf(result)}`, 'docs/plugins/fsfreeze.md says what it needs');
}

async function renew(task: QuiesceTask, _state: QuiesceState, context: PluginContext): Promise<void> {
  const result = await runCommand(task, context, { command: renewLease(lease(task, context)), timeoutSeconds: COMMAND_S });
  if (result.exitCode === LEASE_LOST) throw taskFailure(task, 'the lease has ended, and writing goes on', 'back up again');
  if (result.exitCode !== 0) throw taskFailure(task, `the lease cannot be renewed: ${problemOf(result)}`, 'back up again');
}

async function release(task: QuiesceTask, state: QuiesceState | undefined, context: PluginContext): Promise<QuiesceOutcome> {
  const command = dropLease(lease(task, context), { undo: THAW, always: state !== undefined }, mountPoints(task));
  const result = await runCommand(task, context, { command, timeoutSeconds: COMMAND_S }).catch((error: unknown) => {
    // A pod that is gone writes nothing more, and its release is not ours.
    if (error instanceof HoldfastError && error.type === FailureType.NotFound) return { exitCode: LEASE_LOST, stdout: '', stderr: '' };
    throw error;
  });
  if (result.exitCode !== 0 && result.exitCode !== LEASE_LOST) {
    const advice = `run fsfreeze --unfreeze for ${mountPoints(task).join(' and ')} in the pod`;
    throw taskFailure(task, `it cannot be unfrozen: ${problemOf(result)}`, advice);
  }
  if (result.exitCode === 0 || !state) return { state: {}, warnings: [] };
  const problem = 'the lease had ended, or the pod was gone, before the capture ended';
  const advice = 'back up again, or allow a longer lease by annotation';
  return { state: {}, warnings: [taskWarning(task, { code: 'QuiesceLost', problem, advice })], broken: true };
}

function lease(task: QuiesceTask, { run }: PluginContext) {
  return { token: leaseToken(run, task.id), seconds: task.leaseSeconds };
}

function mountPoints({ settings }: QuiesceTask): readonly string[] {
  return readMounts(settings).map(({ mountPath }) => mountPath);
}

function problemOf({ exitCode, stderr }: ExecResult): string {
  return briefly(stderr) || `exit code ${exitCode}`;
}
