import type { HelmActivities } from '../contracts/helm.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { exportCharts } from './helm/export-charts.ts';
import { withPulse } from './heartbeat.ts';

export function helmActivities(dependencies: ActivityDependencies): HelmActivities {
  return {
    exportCharts: (input) =>
      withPulse(async (pulse) => {
        const work = { repository: await dependencies.repository(input.location), charts: await dependencies.charts() };
        return exportCharts(work, input, pulse);
      }),
  };
}
