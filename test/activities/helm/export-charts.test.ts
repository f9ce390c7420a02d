import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportCharts } from '../../../activities/helm/export-charts.ts';
import { CONFIG_MAPS, recordsOfCluster, SECRETS } from '../../../activities/helm/find-records.ts';
import { restorableReleases } from '../../../activities/helm/restorable-releases.ts';
import { surveyReleases } from '../../../activities/helm/survey-releases.ts';
import type { JsonObject } from '../../../contracts/json.ts';
import { assertManifest } from '../../../repository/documents.ts';
import type { Repository } from '../../../repository/repository.ts';
import { createCharts } from '../../../helm/charts.ts';
import { newRepository, sampleManifest } from '../../repository/samples.ts';
import { TestChartMuseum } from '../../support/chart-museum.ts';
import { listingCluster } from '../../support/fake-cluster.ts';
import { recordObject, releaseDocument } from '../../support/helm-records.ts';

const { signal } = new AbortController();
const PULSE = { signal, beat: () => undefined, resumeFrom: undefined };

describe('the charts of a backup', () => {
  let museum: TestChartMuseum;
  let repository: Repository;

  beforeAll(async () => {
    museum = await TestChartMuseum.start();
    ({ repository } = await newRepository());
  });
  afterAll(() => museum.stop());

  const charts = createCharts(['museum', 'gone'], (name) => {
    const url = { museum: museum.url, gone: 'http://127.0.0.1:9' }[name];
    return Promise.resolve(url === undefined ? undefined : { name, url, retryAfterMs: 1 });
  });
  /** A part with these objects. */
  const captured = async (objects: readonly JsonObject[]): Promise<string> => {
    const batch = repository.startBatch();
    const resources = [SECRETS, CONFIG_MAPS].map((type) => {
      const records = objects.filter(({ kind }) => kind === type.kind).map((object) => Buffer.from(JSON.stringify(object)));
      const segments = records.length === 0 ? [] : [{ id: batch.add(records), count: records.length }];
      return { type, namespace: 'shop', count: records.length, bytes: 0, segments };
    });
    const part = batch.addDocument({ resources, references: {} });
    await batch.finish();
    return part;
  };
  const run = (part: string, pushTo: readonly string[] = []) =>
    exportCharts({ repository, charts }, { location: 'main', parts: [part], pushTo }, PULSE);
  const web = (revision: number, status: string, values = {}) =>
    recordObject(releaseDocument({ version: revision, config: values, info: { status } }), { revision, status });
  const other = recordObject(releaseDocument({ name: 'other', info: { status: 'failed' } }), {
    kind: 'ConfigMap',
    name: 'other',
    status: 'failed',
  });
  const cut = recordObject({}, { name: 'cut', content: Buffer.from([0x1f, 0x8b, 8, 0, 0]) });
  const stranger = { kind: 'Secret', type: 'Opaque', metadata: { name: 'sh.helm.release.v1.no', labels: { owner: 'helm' } }, data: {} };

  it('are kept and listed: the deployed revision of each release, from Secrets and ConfigMaps', async () => {
    const part = await captured([web(1, 'superseded'), web(2, 'deployed', { b: 1, a: 2 }), web(3, 'failed'), other, stranger]);
    const result = await run(part);
    expect(result).toMatchObject({ warnings: [], errors: [] });
    expect(result.releases).toMatchObject([
      { name: 'other', revision: 1, status: 'failed', chart: 'web', version: '1.2.3', appVersion: '2.0', pushed: [] },
      { name: 'web', revision: 2, status: 'deployed', archiveKind: 'source', archiveVersion: '1.2.3' },
    ]);
    // The same chart is kept once.
    expect(result.releases[0]!.archive).toEqual(result.releases[1]!.archive);
    expect(await run(part)).toMatchObject({ part: result.part, sizes: { newSegments: 0 } });
    assertManifest(sampleManifest('a', [part], { releases: result.releases }));

    const manifest = sampleManifest('a', [part, result.part], { releases: result.releases });
    const [found] = await restorableReleases({ repository, manifest, charts }, { names: ['web'], namespace: '' }, { signal });
    expect(found).toMatchObject({ archiveKind: 'source', kind: 'Secret', release: { config: { a: 2, b: 1 } } });
    expect(found!.records.map(({ revision }) => revision)).toEqual([1, 2, 3]);
    expect(gunzipSync(found!.archive).toString('latin1', 0, 14)).toBe('web/Chart.yaml');
    const swapped = result.releases.map((entry) => ({ ...entry, archiveSha256: 'a'.repeat(64) }));
    const damaged = restorableReleases(
      { repository, manifest: { ...manifest, releases: swapped }, charts },
      { names: ['web'], namespace: '' },
      { signal },
    );
    await expect(damaged).rejects.toMatchObject({ type: 'Damaged', message: expect.stringMatching(/is not what was stored$/) as unknown });
  });

  it('have the same values hash for the same values, and another for others', async () => {
    const hashOf = async (values: JsonObject) => (await run(await captured([web(1, 'deployed', values)]))).releases[0]!.valuesHash;
    const hash = await hashOf({ a: 1, b: { c: [1, 2] } });
    expect(await hashOf({ b: { c: [1, 2] }, a: 1 })).toBe(hash);
    expect(await hashOf({ b: { c: [2, 1] }, a: 1 })).not.toBe(hash);
    // Nobody finds out without the key what the values are.
    expect(await hashOf({})).not.toBe(createHash('sha256').update('{}').digest('hex'));
  });

  it('are not lost to a record that is cut short: it is named in one line, and the others go on', async () => {
    const oldCut = recordObject({}, { revision: 1, status: 'superseded', content: Buffer.from('{') });
    const result = await run(await captured([cut, oldCut, web(2, 'deployed')]));
    expect(result.releases.map(({ name }) => name)).toEqual(['web']);
    expect(result.errors).toEqual([
      {
        code: 'ReleaseUnreadable',
        message: 'release shop/cut revision 1: its record sh.helm.release.v1.cut.v1 cannot be read: it is cut short or damaged',
        object: { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'sh.helm.release.v1.cut.v1' },
        advice: expect.any(String) as unknown,
      },
    ]);
    expect(result.warnings).toMatchObject([{ code: 'ReleaseUnreadable', message: expect.stringContaining('web revision 1') as unknown }]);
  });

  it('are pushed; what one repository does not take does not keep others from theirs', async () => {
    const part = await captured([web(2, 'deployed'), other]);
    const result = await run(part, ['gone', 'unknown', 'museum']);
    const reference = `${museum.url}/charts/web-1.2.3.tgz`;
    expect(result.releases.map(({ pushed }) => pushed)).toEqual([[reference], [reference]]);
    expect(result.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^1 charts not pushed: chart repository "gone" does not answer \(ECONNREFUSED\)$/),
      '1 charts not pushed: chart repository "unknown" is not configured',
    ]);

    const { chart } = releaseDocument() as { chart: object };
    const changed = recordObject(releaseDocument({ chart: { ...chart, values: { other: true } } }));
    const again = await run(await captured([changed]), ['museum']);
    expect(again.errors).toEqual([]);
    expect(again.releases[0]!.pushed).toEqual([]);
    const [there, ours] = [result.releases[0]!.archiveSha256!, again.releases[0]!.archiveSha256!];
    expect(again.warnings).toMatchObject([{ code: 'ChartDiffers', message: expect.stringMatching(`${there}, not ${ours}`) as unknown }]);
  });

  it('go on with the next chart when one is refused', async () => {
    const { chart } = releaseDocument() as { chart: { metadata: object } };
    const second = releaseDocument({ name: 'b', chart: { ...chart, metadata: { ...chart.metadata, version: '9.0.0' } } });
    const part = await captured([web(2, 'deployed', { new: 1 }), recordObject(second, { name: 'b' })]);
    museum.faults.push(400);
    const result = await run(part, ['museum']);
    expect(result.errors).toMatchObject([
      { code: 'ChartNotPushed', message: expect.stringMatching(/^chart web 9\.0\.0: .* answers 400 /) as unknown },
    ]);
    expect(result.releases.map(({ pushed }) => pushed.length)).toEqual([0, 1]);
  });

  it('are those of a cluster, read page by page', async () => {
    const many = Array.from({ length: 60 }, (_, index) => recordObject(releaseDocument({ name: `r${index}` }), { name: `r${index}` }));
    const cluster = listingCluster(
      new Map([
        ['secrets', many],
        ['configmaps', [other]],
      ]),
    );
    const survey = await surveyReleases(charts, recordsOfCluster(cluster, { namespaces: ['shop'] }, signal), () => '');
    expect(survey.releases).toHaveLength(61);
    expect(cluster.requests.every(({ labelSelector, limit }) => labelSelector === 'owner=helm' && limit === 25)).toBe(true);
  });

  it('are asked for by names that must be there, and once', async () => {
    const part = await captured([web(2, 'deployed')]);
    const wanted = (names: readonly string[], namespace = '') =>
      restorableReleases({ repository, manifest: sampleManifest('a', [part]), charts }, { names, namespace }, { signal });
    await expect(wanted(['wbe'])).rejects.toMatchObject({ message: 'backup "a" has no release "wbe"', advice: 'it has shop/web' });
    await expect(wanted(['web'], 'other')).rejects.toMatchObject({ message: 'backup "a" has no release "web" in namespace other' });
    expect(await wanted(['web'], 'shop')).toHaveLength(1);
  });
});
