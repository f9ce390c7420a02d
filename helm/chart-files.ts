import { createHash } from 'node:crypto';
import type { JsonObject } from '../contracts/json.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { ChartFile, Release } from '../domain/helm/release.ts';
import { recordText } from '../domain/helm/stored-record.ts';
import { yamlText } from '../domain/helm/yaml-text.ts';
import type { ArchiveKind } from './port.ts';
import { missingCharts } from './missing-charts.ts';
import { renderedTemplates } from './rendered-templates.ts';

/** One file of a chart, below the chart's folder. */
export interface ArchivedFile {
  readonly name: string;
  readonly content: Buffer;
}

export interface ChartContent {
  readonly kind: ArchiveKind;
  readonly name: string;
  readonly version: string;
  /** Its Chart.yaml. */
  readonly metadata: JsonObject;
  /** Chart.yaml first, then sorted by name. */
  readonly files: readonly ArchivedFile[];
  readonly losses: readonly string[];
}

const COMMENTS = 'comments and the order of keys in Chart.yaml and values.yaml: Helm does not record them';

/** The chart of a release, made from its record. */
export function chartContent(release: Release): ChartContent {
  const missing = missingCharts(release);
  const content = missing === '' ? sourceChart(release) : renderedChart(release, missing);
  for (const { name } of content.files) assertInside(release, name);
  return content;
}

function sourceChart(release: Release): ChartContent {
  const { metadata, lock, templates, files } = release.chart;
  const locked = lock === undefined || metadata['apiVersion'] === 'v1' ? [] : [textFile('Chart.lock', yamlText(lock))];
  return {
    kind: 'source',
    name: metadata.name,
    version: metadata.version,
    metadata,
    files: inOrder([...basics(release, metadata), ...locked, ...[...templates, ...files].map(decoded)]),
    losses: [COMMENTS],
  };
}

/** Installs the same objects; values do not reach its templates any more. */
function renderedChart(release: Release, missing: string): ChartContent {
  const { metadata, files } = release.chart;
  const templates = renderedTemplates(release).map(({ name, text }) => textFile(name, text));
  const version = renderedVersion(metadata.version, templates);
  const { dependencies: _rendered, ...own } = metadata;
  const chart = { ...own, version, type: 'application' };
  // Of version v1: they name dependencies that are not there.
  const kept = files.filter(({ name }) => !/^requirements\.(yaml|lock)$/.test(name));
  return {
    kind: 'rendered',
    name: metadata.name,
    version,
    metadata: chart,
    files: inOrder([...basics(release, chart), ...templates, ...kept.map(decoded)]),
    losses: [COMMENTS, `templates: ${missing}, and Helm records no subcharts, so they are here as they were rendered`],
  };
}

/** A version of its own, so that it never takes the place of the real chart, nor of what was rendered for others. */
function renderedVersion(version: string, templates: readonly ArchivedFile[]): string {
  const hash = createHash('sha256');
  for (const { name, content } of templates) hash.update(`${name}\0${content.length}\0`).update(content);
  return `${version}${version.includes('+') ? '.' : '+'}rendered.${hash.digest('hex').slice(0, 12)}`;
}

function basics({ chart }: Release, metadata: JsonObject): ArchivedFile[] {
  // In charts of version v1 the dependencies are in requirements.yaml.
  const { dependencies, ...own } = metadata;
  const isListed = metadata['apiVersion'] !== 'v1' && Array.isArray(dependencies) && dependencies.length > 0;
  const files = [textFile('Chart.yaml', yamlText(isListed ? metadata : own)), textFile('values.yaml', yamlText(chart.values))];
  return chart.schema === undefined ? files : [...files, { name: 'values.schema.json', content: Buffer.from(chart.schema, 'base64') }];
}

/** Readers want Chart.yaml early; a name that comes twice counts once. */
function inOrder(files: readonly ArchivedFile[]): readonly ArchivedFile[] {
  const byName = new Map(files.toReversed().map((file) => [file.name, file]));
  const rank = ({ name }: ArchivedFile): string => (name === 'Chart.yaml' ? '' : name);
  return [...byName.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** A record is data of the cluster's users: an archive made from it must not write anywhere else when it is unpacked. */
function assertInside(release: Release, name: string): void {
  const isInside = !name.startsWith('/') && !/[\\\0]|^[A-Za-z]:/.test(name) && !name.split('/').some((part) => /^\.{0,2}$/.test(part));
  if (isInside) return;
  const where = recordText({ ...release, release: release.name });
  throw new HoldfastError(FailureType.Damaged, `${where}: its chart has a file named ${JSON.stringify(name.slice(0, 100))}`, {
    advice: 'no chart may have that: see who has written the record',
  });
}

function decoded({ name, data }: ChartFile): ArchivedFile {
  return { name, content: Buffer.from(data, 'base64') };
}

function textFile(name: string, text: string): ArchivedFile {
  return { name, content: Buffer.from(text) };
}
