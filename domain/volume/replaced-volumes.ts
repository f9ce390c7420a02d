import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { VolumeMethod, type PlannedVolume } from '../../contracts/volume.ts';

/**
 * The volumes, without the files of those whose content is in what a plugin keeps: a restore brings it back through the application. What is
 * skipped on purpose keeps its own reason.
 */
export function withoutReplaced(volumes: readonly PlannedVolume[], tasks: readonly QuiesceTask[]): readonly PlannedVolume[] {
  const pluginOf = new Map(
    tasks.flatMap(({ plugin, namespace, replaces = [] }) => replaces.map((claim) => [`${namespace}/${claim}`, plugin])),
  );
  return volumes.map((volume) => {
    const plugin = pluginOf.get(`${volume.namespace}/${volume.claim}`);
    const isSkipped = volume.method === VolumeMethod.Skip && volume.isProblem !== true;
    if (plugin === undefined || isSkipped) return volume;
    const { isProblem: _, source: __, snapshotClass: ___, ...rest } = volume;
    return { ...rest, method: VolumeMethod.Skip, reason: `${plugin} keeps what it holds` };
  });
}
