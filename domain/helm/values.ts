import type { Json, JsonObject } from '../../contracts/json.ts';
import { isObject } from '../resource/fields.ts';
import { appVersionOf, type Release } from './release.ts';
import { yamlText } from './yaml-text.ts';

/** A text file below a folder of somebody else's choice. */
export interface TextFile {
  readonly path: string;
  readonly content: string;
}

/**
 * What Helm computed for the templates: the user's values over the chart's. As in Helm, maps are merged, everything else replaces, and a null
 * of the user's takes the chart's value away. Defaults of subcharts are not in the record, and so not here.
 */
export function computedValues(release: Release): JsonObject {
  return merged(release.chart.values, release.config);
}

function merged(base: JsonObject, over: JsonObject): JsonObject {
  const keys = [...new Set([...Object.keys(base), ...Object.keys(over)])].sort();
  return Object.fromEntries(
    keys.map((key) => [key, mergedValue(base[key], over[key])] as const).filter(([, value]) => value !== undefined),
  );
}

function mergedValue(base: Json | undefined, over: Json | undefined): Json | undefined {
  if (over === null) return undefined;
  if (over === undefined) return base;
  return isObject(base) && isObject(over) ? merged(base, over) : over;
}

/** Canonical JSON: keys sorted, so that equal values are equal text. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([, child]) => child !== undefined) as [string, Json][];
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, child]) => [key, sorted(child)]));
}

/** values.yaml as the user gave it, the computed values, and release.yaml: what is installed. */
export function releaseFiles(release: Release): readonly TextFile[] {
  const { name, namespace, revision, status, chart, deployedAt } = release;
  const { name: chartName, version } = chart.metadata;
  const inventory = { name, namespace, revision, status, deployedAt, chart: chartName, version, appVersion: appVersionOf(chart) };
  return [
    { path: 'values.yaml', content: yamlText(release.config) },
    { path: 'computed-values.yaml', content: yamlText(computedValues(release)) },
    { path: 'release.yaml', content: yamlText(inventory) },
  ];
}
