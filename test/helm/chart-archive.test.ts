import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import { chartArchive } from '../../helm/chart-archive.ts';
import { decodeRecord } from '../../helm/decode-record.ts';
import { record, releaseDocument } from '../support/helm-records.ts';

const base64 = (content: string | Buffer): string => Buffer.from(content).toString('base64');

describe('the chart archive of a record', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-test-chart-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const archiveOf = (chart: JsonObject = {}, release: JsonObject = {}) => {
    const document = releaseDocument();
    return chartArchive(decodeRecord(record({ ...document, ...release, chart: { ...(document['chart'] as JsonObject), ...chart } })));
  };
  const tar = async (bytes: Buffer, ...args: readonly string[]) => {
    const file = join(folder, 'chart.tgz');
    await writeFile(file, bytes);
    return (await promisify(execFile)('tar', ['-xzf', file, '-C', folder, ...args], { encoding: 'utf8' })).stdout;
  };

  it('is the same bytes for the same record, whatever the order of its files and values', () => {
    const files = ['a', 'b'].map((name) => ({ name, data: base64(name) }));
    const one = archiveOf({ files, values: { a: 1, b: 2 } });
    const other = archiveOf({ files: files.toReversed(), values: { b: 2, a: 1 } });
    expect(one.bytes).toEqual(other.bytes);
    // Pinned: another version of Node must come to the same.
    expect(one.sha256).toBe('3159c914a6057445f0e14708f65e70f081a6d372aa5ed4e2ef9539063c8f4de2');
  });

  it('is unpacked by tar with all that the record has, also long names, names of other scripts, and bytes that are no text', async () => {
    const long = `files/${'x'.repeat(150)}/${'y'.repeat(100)}.txt`;
    const blob = Buffer.concat([Buffer.from([0, 255]), Buffer.alloc(150_000, 7)]);
    const files = [
      { name: long, data: base64('long') },
      { name: 'files/größe.txt', data: base64('script') },
      { name: 'crds/a.bin', data: base64(blob) },
      { name: 'empty', data: '' },
    ];
    const lock = { generated: '2026-01-01T00:00:00Z', digest: 'sha256:x', dependencies: [] };
    const { bytes } = archiveOf({ files, lock, schema: base64('{"type": "object"}') });
    await tar(bytes);
    const read = (path: string) => readFile(join(folder, 'web', path));
    expect((await read(long)).toString()).toBe('long');
    expect((await read('files/größe.txt')).toString()).toBe('script');
    expect(await read('crds/a.bin')).toEqual(blob);
    expect(await read('empty')).toHaveLength(0);
    expect((await read('values.yaml')).toString()).toBe('count: 2\n');
    expect((await read('Chart.yaml')).toString()).toBe('apiVersion: v2\nappVersion: "2.0"\nname: web\nversion: 1.2.3\n');
    expect((await read('Chart.lock')).toString()).toContain('digest: sha256:x');
    expect((await read('values.schema.json')).toString()).toBe('{"type": "object"}');
  });

  it.each(['../up', '/abs', 'a/../../b', 'a\\b', 'C:x', 'a//b'])('refuses the file name %s', (name) => {
    expect(() => archiveOf({ files: [{ name, data: '' }] })).toThrow(/^release shop\/web revision 1: its chart has a file named /);
  });

  const template = (text: string) => [{ name: 'templates/a.yaml', data: base64(text) }];
  it.each([
    ['lists dependencies', { metadata: { name: 'web', version: '1.2.3', dependencies: [{ name: 'db' }] } }, {}, /made of db/],
    ['has rendered a subchart', {}, { manifest: '---\n# Source: web/charts/db/templates/a.yaml\nkind: X\n' }, /the subchart db/],
    ['has a hook of a subchart', {}, { hooks: [{ path: 'web/charts/db/templates/h.yaml', manifest: 'kind: X' }] }, /the subchart db/],
    ['calls another chart', { templates: template('{{ include "common.names" . }}') }, {}, /calls the template common\.names/],
  ])('is as rendered when the chart %s, under a version of its own', (_what, chart, release, loss) => {
    const rendered = archiveOf(chart, release);
    expect(rendered).toMatchObject({ kind: 'rendered', version: expect.stringMatching(/^1\.2\.3\+rendered\.[0-9a-f]{12}$/) as unknown });
    expect(rendered.losses.join()).toMatch(loss);
    expect(archiveOf(chart, { ...release, manifest: '---\n# Source: web/charts/db/templates/a.yaml\nkind: Y\n' }).version).not.toBe(
      rendered.version,
    );
  });

  it('is the source when a chart calls templates of its own', () => {
    const own = '{{ define "own" }}x{{ end }}{{ include "own" . }}{{ template "web/templates/a.yaml" . }}';
    expect(archiveOf({ templates: template(own) })).toMatchObject({ kind: 'source', version: '1.2.3' });
  });

  it('has what was rendered as templates that come to the same: braces, several documents, hooks, notes', async () => {
    const source = (path: string, text: string) => `---\n# Source: web/${path}\n${text}\n`;
    const manifest = `${source('templates/a.yaml', 'a: "{{ x }}"')}${source('templates/a.yaml', 'b: 1')}${source('charts/db/templates/a.yaml', 'c: 1')}`;
    const hooks = [{ path: 'web/charts/db/templates/h.yaml', manifest: 'h: 1' }];
    const { bytes } = archiveOf(
      { files: [{ name: 'requirements.yaml', data: '' }] },
      { manifest, hooks, info: { status: 'deployed', notes: 'N {{' } },
    );
    await rm(join(folder, 'web'), { recursive: true, force: true });
    await tar(bytes);
    const read = async (path: string) => (await readFile(join(folder, 'web', 'templates', path))).toString();
    expect(await read('a.yaml')).toBe('a: "{{ "{{" }} x }}"\n---\nb: 1\n');
    expect(await read('charts/db/templates/a.yaml')).toBe('c: 1\n');
    expect(await read('charts/db/templates/h.yaml')).toBe('h: 1\n');
    expect(await read('NOTES.txt')).toBe('N {{ "{{" }}');
    await expect(readFile(join(folder, 'web', 'requirements.yaml'))).rejects.toThrow('ENOENT');
  });
});
