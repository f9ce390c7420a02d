import type { Release } from '../domain/helm/release.ts';
import { textAt, listAt } from '../domain/resource/fields.ts';

/** `define`, `block`, `include` and `template` with a name in quotes. */
const DEFINES = /\{\{-?\s*(?:define|block)\s+["`]([^"`]+)["`]/g;
const USES = /\b(?:include|template)\s+["`]([^"`]+)["`]/g;

/**
 * Why the chart in a record does not stand for itself, for people; '' when it does. Helm records a chart without the charts it is made of, so one
 * that lists, has rendered or calls others cannot be put together from the record.
 */
export function missingCharts({ chart, manifest, hooks }: Release): string {
  const dependencies = listAt(chart.metadata, 'dependencies').map((dependency) => textAt(dependency, 'name'));
  if (dependencies.length > 0) return `the chart is made of ${dependencies.join(', ')}`;
  const sources = [...manifest.matchAll(/^# Source: (.*)$/gm)].map(([, source = '']) => source);
  const subchart = [...sources, ...hooks.map(({ path }) => path)].find((source) => /^[^/]+\/charts\//.test(source));
  if (subchart !== undefined) return `the chart has the subchart ${subchart.split('/')[2] ?? ''}`;
  return calledFromElsewhere(chart.templates.map(({ data }) => Buffer.from(data, 'base64').toString('utf8')));
}

function calledFromElsewhere(templates: readonly string[]): string {
  const names = (pattern: RegExp) => new Set(templates.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)));
  const defined = names(DEFINES);
  // A template can be called by its file's path, too.
  const called = [...names(USES)].find((name) => !defined.has(name) && !name.includes('/templates/'));
  return called === undefined ? '' : `the chart calls the template ${called} of another chart`;
}
