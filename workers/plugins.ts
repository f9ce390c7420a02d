import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Plugins } from '../plugins/plugin.ts';
import { planQuiesce, quiescePlugins } from '../plugins/registry.ts';

const NEEDS_PUT_BACK = new Set(['postgres']);

/**
 * One list for the life of the process: some plugins hold sessions. A plugin whose captures need something put back is not chosen by itself
 * until restores can do that: such a volume is refused at the restore, and nobody has asked for it.
 */
const ALL = quiescePlugins().map((plugin) => (NEEDS_PUT_BACK.has(plugin.name) ? { ...plugin, detects: () => false } : plugin));

/** The plugins of this worker. */
export function workerPlugins(): Plugins {
  return {
    plan: (subjects) => planQuiesce(subjects, { plugins: ALL, detect: true }),
    named: (name) => {
      const plugin = ALL.find((candidate) => candidate.name === name);
      if (plugin) return plugin;
      throw new HoldfastError(FailureType.NotFound, `this worker has no plugin "${name}"`, {
        advice: `it has ${ALL.map((candidate) => candidate.name).join(', ')}; use one version of Holdfast for all workers`,
      });
    },
  };
}
