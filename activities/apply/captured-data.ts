import type { RestorePreparation } from '../../contracts/activities.ts';
import type { CapturedApplication } from '../../contracts/application.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { BackupManifest } from '../../contracts/manifest.ts';
import type { RestoreOptions } from '../../contracts/restore.ts';
import type { CapturedVolume } from '../../contracts/volume.ts';
import { objectRef, resourceKey } from '../../domain/resource/identity.ts';
import type { Plugins, QuiescePlugin } from '../../plugins/plugin.ts';
import { PODS } from '../capture/builtin-types.ts';
import { readObjects, type RestoreSession } from './restore-session.ts';

/** The data that a restore brings back: volumes, and applications that bring back their own. Nothing when the restore leaves data alone. */
export async function capturedData(
  session: RestoreSession,
  { volumes = [], applications = [] }: BackupManifest,
  plugins: Plugins,
): Promise<Pick<RestorePreparation, 'volumes' | 'applications'>> {
  if (session.restore.options.volumes === undefined) return {};
  const taken = volumes.length === 0 ? new Set<string>() : await takenClaims(session);
  const recovered = applications.filter((application) => isTaken(application, taken, session) && needsRecovery(application, plugins));
  return {
    volumes: volumes.filter((volume) => taken.has(`${volume.namespace}/${volume.claim}`) && holdsData(volume)),
    ...(recovered.length === 0 ? {} : { applications: recovered }),
  };
}

/** Refuses options for plugins that this worker does not have. */
export function checkPluginOptions({ pluginOptions = {} }: RestoreOptions, plugins: Plugins): void {
  for (const name of Object.keys(pluginOptions)) {
    if (pluginNamed(name, plugins)?.recover) continue;
    const advice = 'docs/plugins.md says which plugins take options at a restore';
    throw new HoldfastError(FailureType.BadInput, `--plugin-option ${name}: there is no plugin of that name that brings anything back`, {
      advice,
    });
  }
}

/** `namespace/name`, as captured. */
async function takenClaims(session: RestoreSession): Promise<ReadonlySet<string>> {
  const taken = new Set<string>();
  const segments = session.ordered.filter(({ type }) => resourceKey(type) === 'persistentvolumeclaims');
  for await (const objects of readObjects(session.repository, segments)) {
    for (const { object, type } of objects) {
      const { namespace, name } = objectRef(object, type);
      if (session.context.selection.takes(object, type)) taken.add(`${namespace}/${name}`);
    }
  }
  return taken;
}

/** A claim that had no volume yet had no data either, and what a plugin keeps for others is not in theirs. */
function holdsData({ volume, data, quiescedBy }: CapturedVolume): boolean {
  return volume !== '' && (data !== undefined || quiescedBy === undefined);
}

/** With one of its claims; one without claims with the pods of its namespace. */
function isTaken({ task }: CapturedApplication, taken: ReadonlySet<string>, { context: { selection } }: RestoreSession): boolean {
  const { namespace, claims, replaces = [] } = task;
  const own = [...claims, ...replaces];
  if (own.length > 0) return own.some((claim) => taken.has(`${namespace}/${claim}`));
  return selection.takesNamespace(namespace) && selection.takesType(PODS);
}

/** Whether there is more to do than to restore files. What takes the place of files needs its plugin, also when this worker lacks it. */
function needsRecovery({ task, state }: CapturedApplication, plugins: Plugins): boolean {
  const plugin = pluginNamed(task.plugin, plugins);
  if (!plugin) return (task.replaces ?? []).length > 0;
  return plugin.recover !== undefined && (plugin.needsRecovery?.(task, state) ?? true);
}

function pluginNamed(name: string, plugins: Plugins): QuiescePlugin | undefined {
  try {
    return plugins.named(name);
  } catch (error) {
    if (error instanceof HoldfastError && error.type === FailureType.NotFound) return undefined;
    throw error;
  }
}
