import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { HookRule } from '../contracts/hook.ts';
import { execPlugin } from '../plugins/exec.ts';
import type { Plugins, QuiescePlugin } from '../plugins/plugin.ts';
import { planQuiesce, quiescePlugins } from '../plugins/registry.ts';

/** One list for the life of the process: some plugins hold sessions. */
const ALL = quiescePlugins();

/** Hooks of a backup matter for its plan only: what is to be run is in the tasks then. */
function withHooks(plugin: QuiescePlugin, hooks: readonly HookRule[]): QuiescePlugin {
  return plugin.name === 'exec' && hooks.length > 0 ? execPlugin(hooks) : plugin;
}

/** The plugins of this worker. */
export function workerPlugins(): Plugins {
  return {
    plan: (subjects, hooks) => planQuiesce(subjects, { plugins: ALL.map((plugin) => withHooks(plugin, hooks)), detect: true }),
    named: (name) => {
      const plugin = ALL.find((candidate) => candidate.name === name);
      if (plugin) return plugin;
      throw new HoldfastError(FailureType.NotFound, `this worker has no plugin "${name}"`, {
        advice: `it has ${ALL.map((candidate) => candidate.name).join(', ')}; use one version of Holdfast for all workers`,
      });
    },
  };
}
