import type { JsonObject } from '../../contracts/json.ts';

/** A file of a chart, as a release record has it. */
export interface ChartFile {
  /** Below the chart's folder: `templates/web.yaml`. */
  readonly name: string;
  /** Base64. */
  readonly data: string;
}

/**
 * The chart inside a release record. Helm leaves out of it what it does not need any more: the subcharts, and the text of values.yaml and
 * Chart.yaml with its comments.
 */
export interface RecordedChart {
  /** Chart.yaml. Of the dependencies only those that were enabled. */
  readonly metadata: JsonObject & { readonly name: string; readonly version: string };
  /** Chart.lock. */
  readonly lock?: JsonObject;
  readonly templates: readonly ChartFile[];
  /** values.yaml, with what the chart imports from its subcharts. */
  readonly values: JsonObject;
  /** values.schema.json, base64. */
  readonly schema?: string;
  /** Everything else: crds, README, .helmignore ... */
  readonly files: readonly ChartFile[];
}

/** A hook as it was rendered. */
interface RecordedHook {
  /** `chart/templates/hook.yaml`, below `chart/charts/...` when it is of a subchart. */
  readonly path: string;
  readonly manifest: string;
}

/** One revision of a release, decoded. */
export interface Release {
  readonly name: string;
  /** Of the object that holds the record: there Helm looks for it. */
  readonly namespace: string;
  readonly revision: number;
  /** As Helm calls it: `deployed`, `superseded`, `failed` ... */
  readonly status: string;
  readonly description: string;
  /** RFC 3339; '' when the record has none. */
  readonly deployedAt: string;
  readonly notes: string;
  readonly chart: RecordedChart;
  /** The values that the user gave. */
  readonly config: JsonObject;
  /** Everything but hooks and CRDs, rendered: documents that begin with `# Source:`. */
  readonly manifest: string;
  readonly hooks: readonly RecordedHook[];
}

/** Chart.yaml's appVersion; '' when it has none. */
export function appVersionOf({ metadata }: RecordedChart): string {
  const version = metadata['appVersion'];
  return typeof version === 'string' ? version : '';
}

/** What Helm did last, by the description that it gives a revision which came to a good end. */
export function installedOrUpgraded(description: string): 'installed' | 'upgraded' {
  return description.startsWith('Install') ? 'installed' : 'upgraded';
}

/** `web-1.2.3`, as Helm lists it. */
export function chartText({ metadata }: RecordedChart): string {
  return `${metadata.name}-${metadata.version}`;
}
