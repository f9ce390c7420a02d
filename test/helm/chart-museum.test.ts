import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChartMuseum } from '../../helm/chart-museum.ts';
import { chartArchive } from '../../helm/chart-archive.ts';
import { decodeRecord } from '../../helm/decode-record.ts';
import type { RepositorySettings } from '../../helm/repository-client.ts';
import { TestChartMuseum, type MuseumOptions } from '../support/chart-museum.ts';
import { record, releaseDocument } from '../support/helm-records.ts';

const NEVER = new AbortController().signal;
const CHART = chartArchive(decodeRecord(record()));
const OTHER = chartArchive(
  decodeRecord(record(releaseDocument({ chart: { ...(releaseDocument()['chart'] as object), values: { count: 9 } } }))),
);

describe('a ChartMuseum (a server of ours that speaks its API)', () => {
  let museum: TestChartMuseum;

  beforeEach(async () => {
    museum = await TestChartMuseum.start();
  });
  afterEach(() => museum.stop());

  const repository = (settings: Partial<RepositorySettings> = {}) =>
    new ChartMuseum({ name: 'museum', url: museum.url, retryAfterMs: 1, ...settings });
  const restarted = async (options: MuseumOptions) => {
    await museum.stop();
    museum = await TestChartMuseum.start(options);
  };

  it('takes a chart once, and knows it again', async () => {
    const reference = `${museum.url}/charts/web-1.2.3.tgz`;
    expect(await repository().push(CHART, NEVER)).toEqual({ outcome: 'pushed', reference, sha256: CHART.sha256 });
    expect(await repository().push(CHART, NEVER)).toEqual({ outcome: 'present', reference, sha256: CHART.sha256 });
    const there = Buffer.from(await (await fetch(reference)).arrayBuffer());
    expect(createHash('sha256').update(there).digest('hex')).toBe(CHART.sha256);
    expect(museum.requests.filter((line) => line.startsWith('POST'))).toEqual(['POST /api/charts']);
  });

  it('leaves a version that is there with other bytes as it is, and replaces it with force', async () => {
    await repository().push(CHART, NEVER);
    expect(await repository().push(OTHER, NEVER)).toMatchObject({ outcome: 'differs', sha256: CHART.sha256 });
    expect(await repository({ force: true }).push(OTHER, NEVER)).toMatchObject({ outcome: 'replaced', sha256: OTHER.sha256 });
    expect(await repository().push(OTHER, NEVER)).toMatchObject({ outcome: 'present' });
  });

  it('has versions with a plus', async () => {
    const plus = { ...CHART, version: '1.2.3+build.1', bytes: versioned('1.2.3+build.1').bytes, sha256: versioned('1.2.3+build.1').sha256 };
    expect(await repository().push(plus, NEVER)).toMatchObject({
      outcome: 'pushed',
      reference: `${museum.url}/charts/web-1.2.3%2Bbuild.1.tgz`,
    });
    expect(await repository().push(plus, NEVER)).toMatchObject({ outcome: 'present' });
  });

  it.each(['question', 'push'] as const)('tries again after 503, 500 and a broken connection in the middle of the %s', async (when) => {
    if (when === 'push') museum.faults.push(404);
    museum.faults.push(503, 500, 'reset');
    expect(await repository().push(CHART, NEVER)).toMatchObject({ outcome: 'pushed' });
  });

  it('takes a chart as its own when the answer was lost, or somebody was faster', async () => {
    await repository().push(CHART, NEVER);
    // It was not there when asked; the push meets it.
    museum.faults.push(404);
    expect(await repository().push(CHART, NEVER)).toMatchObject({ outcome: 'present' });
    museum.faults.push(404);
    expect(await repository().push(OTHER, NEVER)).toMatchObject({ outcome: 'differs', sha256: CHART.sha256 });
  });

  it('logs in by name and password', async () => {
    await restarted({ basic: { username: 'ann', password: 'canary-password' } });
    expect(await repository({ username: 'ann', password: 'canary-password' }).push(CHART, NEVER)).toMatchObject({ outcome: 'pushed' });
    const refused = repository({ username: 'ann', password: 'canary-wrong' }).push(CHART, NEVER);
    await expect(refused).rejects.toMatchObject({
      type: 'Forbidden',
      message: 'chart repository "museum" refuses the question for chart web 1.2.3 (401)',
    });
  });

  it('logs in by token', async () => {
    await restarted({ bearer: 'canary-token' });
    expect(await repository({ token: 'canary-token' }).push(CHART, NEVER)).toMatchObject({ outcome: 'pushed' });
    await expect(repository().push(CHART, NEVER)).rejects.toMatchObject({ type: 'Forbidden' });
  });

  it('finds the API of a tenant, and below a context path', async () => {
    await restarted({ depth: 2 });
    expect(await repository({ url: `${museum.url}/org/team/` }).push(CHART, NEVER)).toMatchObject({
      outcome: 'pushed',
      reference: `${museum.url}/org/team/charts/web-1.2.3.tgz`,
    });
    museum.requests.length = 0;
    await repository({ url: `${museum.url}/museum/org/team`, contextPath: '/museum' })
      .push(CHART, NEVER)
      .catch(() => undefined);
    expect(museum.requests[0]).toBe('GET /museum/api/org/team/charts/web/1.2.3');
  });

  it('says in one line that it does not come back', async () => {
    museum.faults.push(...Array.from({ length: 5 }, () => 503));
    await expect(repository().push(CHART, NEVER)).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'chart repository "museum" answers 503 to the question for chart web 1.2.3: as the test wants it',
    });
    museum.faults.push(...Array.from({ length: 5 }, () => 'reset' as const));
    await expect(repository().push(CHART, NEVER)).rejects.toMatchObject({
      type: 'Unavailable',
      message: expect.stringMatching(/^chart repository "museum" does not answer \(\w+\)$/) as unknown,
    });
  });

  it('says in one line what it does not take', async () => {
    museum.faults.push(404, 413);
    await expect(repository().push(CHART, NEVER)).rejects.toMatchObject({
      type: 'BadInput',
      message: 'chart repository "museum" answers 413 to the chart web 1.2.3: as the test wants it',
    });
  });
});

function versioned(version: string) {
  const { chart } = releaseDocument() as { chart: object };
  return chartArchive(decodeRecord(record(releaseDocument({ chart: { ...chart, metadata: { name: 'web', version, apiVersion: 'v2' } } }))));
}
