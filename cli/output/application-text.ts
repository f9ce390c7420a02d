import type { CapturedApplication, RecoveredApplication } from '../../contracts/application.ts';
import { bytes } from './quantities.ts';
import { table } from './table.ts';

/** The applications of a backup; empty when there are none. */
export function capturedApplicationsText(applications: readonly CapturedApplication[] = []): readonly string[] {
  if (applications.length === 0) return [];
  const rows = applications.map(({ task, consistency, streams }) => [
    `  ${task.namespace}/${task.application}`,
    task.plugin,
    consistency,
    streams.length === 0 ? '' : bytes(streams.reduce((sum, stream) => sum + stream.bytes, 0)),
  ]);
  return ['', table(['  APPLICATION', 'PLUGIN', 'CONSISTENCY', 'KEPT'], rows)];
}

/** The applications of a restore; empty when there are none. */
export function recoveredApplicationsText(applications: readonly RecoveredApplication[] = []): readonly string[] {
  return applications.map(({ plugin, namespace, application, outcome, reason }) => {
    const what = `application ${namespace}/${application}`;
    return outcome === 'recovered' ? `${what}: recovered by ${plugin}` : `${what}: ${outcome}: ${reason}`;
  });
}
